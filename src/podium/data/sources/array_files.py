"""Reading ``.npy`` files and the members of ``.npz`` archives block by block, without pickle and without trust."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from podium.data.sources.files import printable
from podium.errors import DataError

_MOST_LABELS: Final = 1024 * 1024 * 1024
"""Bytes of an array that is read as a whole."""
_STEP: Final = 16 * 1024 * 1024
_MOST_MEMBERS: Final = 1000
_DAMAGE: Final = (
    *(OSError, EOFError, LookupError, ValueError, TypeError, SyntaxError, RuntimeError, OverflowError, MemoryError),
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
)
"""What NumPy and zipfile raise on damaged files, found by changing bytes at random."""


@dataclass(frozen=True)
class ArrayFile:
    """One array on disk; its header is checked against the size of the file."""

    file: Path
    member: str | None
    """Of the ``.npz``."""
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def label(self) -> str:
        """What errors and reports call it."""
        name = printable(self.file.name)
        return name if self.member is None else f"{name}/{printable(self.member.removesuffix('.npy'))}"

    def blocks(self, start: int, batch: int) -> Iterator[NDArray[Any]]:
        """Yield the rows from ``start``, at most ``batch`` at a time; each block is a copy.

        Raises:
            DataError: The file is damaged.
        """
        with _readable(self.file):
            if self.member is None:
                whole = np.load(self.file, mmap_mode="r", allow_pickle=False)
                for first in range(start, self.shape[0], batch):
                    yield np.array(whole[first : first + batch])
            else:
                yield from self._member_blocks(start, batch)

    def read(self) -> NDArray[Any]:
        """Return the whole array; for labels."""
        if math.prod(self.shape) * self.dtype.itemsize > _MOST_LABELS:
            raise DataError(f"{self.label}: more than {_MOST_LABELS:,} bytes of labels", remedy="give fewer labels")
        blocks = list(self.blocks(0, max(1, self.shape[0])))
        return blocks[0] if blocks else np.empty(self.shape, self.dtype)

    def _member_blocks(self, start: int, batch: int) -> Iterator[NDArray[Any]]:
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        with zipfile.ZipFile(self.file) as archive, archive.open(self.member or "") as stream:
            _read_header(stream)
            _skip(stream, start * row_bytes)
            for first in range(start, self.shape[0], batch):
                count = min(batch, self.shape[0] - first)
                content = stream.read(count * row_bytes)
                if len(content) != count * row_bytes:
                    raise EOFError("it ends too early")
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:]).copy()


def npy_file(file: Path) -> ArrayFile:
    """Read the header of an ``.npy`` file."""
    with _readable(file), file.open("rb") as stream:
        dtype, shape, fortran = _read_header(stream)
        return _checked(ArrayFile(file.absolute(), None, dtype, shape, fortran), file.stat().st_size - stream.tell())


def npz_files(file: Path) -> dict[str, ArrayFile]:
    """Read the headers of the arrays in an ``.npz``, by name. Names are keys, never paths."""
    found: dict[str, ArrayFile] = {}
    with _readable(file), zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise DataError(f"{file}: {len(infos):,} members", remedy="give an .npz of images and labels")
        for info in infos:
            key = info.filename.removesuffix(".npy")
            if key in found:
                raise DataError(f"{file}: {key!r} stands twice", remedy="save the arrays anew with np.savez")
            if not info.filename.endswith(".npy"):
                continue
            with archive.open(info) as stream:
                dtype, shape, fortran = _read_header(stream)
                size = info.file_size - stream.tell()
            found[key] = _checked(ArrayFile(file.absolute(), info.filename, dtype, shape, fortran), size)
    return found


def _checked(array: ArrayFile, size: int) -> ArrayFile:
    if array.dtype.hasobject:
        raise DataError(
            f"{array.label}: an array of Python objects, which only pickle could read, and pickle can run any program",
            remedy="save an array of numbers: np.stack the images, and labels as int64 or str",
        )
    if array.fortran and array.member and len(array.shape) > 1:
        raise DataError(
            f"{array.label}: stored column by column (Fortran order)", remedy="save np.ascontiguousarray(array)"
        )
    expected = math.prod(array.shape) * array.dtype.itemsize
    if expected != size:
        raise DataError(
            f"{array.label}: {size:,} bytes of data, but {array.dtype} of shape {array.shape} has {expected:,}",
            remedy="the file was cut off or changed; save it again",
        )
    return array


def _read_header(stream: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version} of the format")
    if any(side < 0 for side in shape):
        raise ValueError(f"shape {shape}")
    return dtype, tuple(shape), fortran


def _skip(stream: IO[bytes], size: int) -> None:
    while size > 0:
        block = stream.read(min(size, _STEP))
        if not block:
            raise EOFError("it ends too early")
        size -= len(block)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = (
            (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0] or type(error).__name__
        )
        raise DataError(
            f"{file}: cannot be read as arrays of NumPy ({reason})",
            remedy="give an intact .npz or .npy file",
        ) from None

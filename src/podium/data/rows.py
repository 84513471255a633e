"""Rows of a fixed number of bytes in a temporary file: what an image needs beyond a few bytes, without taking memory.

The file has no name from the beginning on: it is gone with the process, however that ends. Neighbours are read into
memory of their own; single rows are gathered through a mapping whose pages are given back before they are many (the
kernel maps some pages around each that is asked for, and all of them would count as the process's own).
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import DataError

Indices = NDArray[np.int64] | NDArray[np.int32]

_MAPPED: Final = 16 * 1024 * 1024
"""Bytes of a file that is never unmapped."""
_PIECE: Final = 64
"""Rows gathered from a larger one before it is: 4 MiB, since the kernel maps 64 KiB around each."""


class FileRows:
    """``count`` rows of ``width`` bytes: uint8, read as from an array, ``rows[start:stop]`` and ``rows[numbers]``.

    What was never written is 0. Threads may read and write different rows at the same time.

    Args:
        count: Rows.
        width: Bytes of each.
        folder: Where the file is; that of temporary files (``TMPDIR``) unless given.

    Raises:
        OSError: The disk is full, here or in ``write``.
    """

    def __init__(self, count: int, width: int, folder: Path | None = None) -> None:
        self._count, self.width, self.folder = count, width, folder
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 (it lives as long as this)
        os.ftruncate(self._file.fileno(), max(1, count * width))
        self._map = mmap.mmap(self._file.fileno(), max(1, count * width), prot=mmap.PROT_READ)
        self._rows = np.frombuffer(self._map, np.uint8, count * width).reshape(count, width)

    def __len__(self) -> int:
        return self._count

    def write(self, start: int, rows: NDArray[np.uint8]) -> None:
        """Replace the rows from ``start`` on (uint8, n×``width``)."""
        if start + len(rows) > self._count or rows.shape[1:] != (self.width,) or rows.dtype != np.uint8:
            raise ValueError(f"{rows.dtype} {rows.shape} at {start} of {self._count}×{self.width}")
        rest = np.ascontiguousarray(rows).reshape(-1).data
        place = start * self.width
        while rest:
            done = os.pwrite(self._file.fileno(), rest, place)
            rest, place = rest[done:], place + done

    def __getitem__(self, index: slice | Indices) -> NDArray[np.uint8]:
        """Copy some rows: neighbours, or those of these numbers."""
        return self._neighbours(*index.indices(self._count)) if isinstance(index, slice) else self._gather(index)

    def _neighbours(self, start: int, stop: int, step: int) -> NDArray[np.uint8]:
        if step != 1:
            raise ValueError("neighbours alone")
        out = np.empty((max(0, stop - start), self.width), np.uint8)
        if not _fill(out, self._file.fileno(), start * self.width):
            raise OSError("a temporary file was cut short")
        return out

    def _gather(self, numbers: Indices) -> NDArray[np.uint8]:
        if self._rows.nbytes <= _MAPPED:
            return self._rows[numbers]
        out = np.empty((len(numbers), self.width), np.uint8)
        for start in range(0, len(numbers), _PIECE):
            out[start : start + _PIECE] = self._rows[numbers[start : start + _PIECE]]
            self._map.madvise(mmap.MADV_DONTNEED)
        return out


def read_rows(file: int, offset: int, rows: Indices, out: NDArray[np.uint8]) -> None:
    """Read rows of a file that is not mapped, run by run: mapped pages would count as the process's own.

    Args:
        file: Descriptor of the open file.
        offset: Bytes before its first row.
        rows: Their numbers, ascending.
        out: uint8, contiguous, one entry a row; filled.

    Raises:
        OSError: The file ends before.
    """
    if not len(rows):
        return
    size = out[0].nbytes
    # Where a run of neighbours begins, and where the next one does.
    begins = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
    places = (rows[begins].astype(np.int64) * size + offset).tolist()
    for begin, end, place in zip(begins.tolist(), [*begins[1:].tolist(), len(rows)], places, strict=True):
        if not _fill(out[begin:end], file, place):
            raise OSError(f"ends before image {int(rows[end - 1])}")


def _fill(out: NDArray[np.uint8], file: int, place: int) -> bool:
    """Read from this place of the file on; false if it ends before."""
    rest = out.reshape(-1).data
    while rest:
        done = os.preadv(file, [rest], place)
        if not done:
            return False
        rest, place = rest[done:], place + done
    return True


@contextmanager
def temporary_files() -> Iterator[None]:
    """Tell of a full disk as what it is (DataError), where nothing else is written than temporary files."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DataError(
            f"{tempfile.gettempdir()}: no space left for temporary files (300 bytes an image)",
            remedy="free disk space there, or set TMPDIR to another folder",
        ) from None


class ChosenRows:
    """Some rows (``numbers``, ascending) of others, in their order."""

    def __init__(self, rows: Rows, numbers: Indices) -> None:
        self.of, self._numbers = rows, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: slice | Indices) -> NDArray[np.uint8]:
        """As of ``FileRows``."""
        numbers = self._numbers[index]
        if isinstance(index, slice) and len(numbers):
            first, stop = int(numbers[0]), int(numbers[-1]) + 1
            if stop - first < 2 * len(numbers):
                return self.of[first:stop][numbers - first]
        return self.of[numbers]


Rows = NDArray[np.uint8] | FileRows | ChosenRows
"""N×W, in memory or on disk."""


def folder_of(rows: Rows) -> Path | None:
    """Where the file of these rows is, for another beside it; None for the folder of temporary files."""
    while isinstance(rows, ChosenRows):
        rows = rows.of
    return rows.folder if isinstance(rows, FileRows) else None

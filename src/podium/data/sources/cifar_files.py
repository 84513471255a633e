"""The files of CIFAR's archives: which there are, their published digests, and their contents in memory."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from podium.data.importing.listing import Unreadable
from podium.data.sources.archive import open_archive
from podium.data.sources.files import printable, read_image_file
from podium.errors import DataError

_MOST_BYTES: Final = 384 * 1024 * 1024
"""Of all members that are read; the published archives hold 187 MB, half as much again if Python 3 wrote them anew for
Python 2 (bytes as text)."""


@dataclass(frozen=True)
class Layout:
    """One of the published archives."""

    title: str
    archive: str
    md5: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    fine_names: tuple[str, str]
    """Member, and key in it."""
    coarse_names: tuple[str, str] | None = None
    label_key: str = ""
    label_bytes: int = 0

    @property
    def binary(self) -> bool:
        """Rows of label bytes and pixels; otherwise pickles."""
        return self.label_bytes > 0

    @property
    def members(self) -> tuple[str, ...]:
        """All that must be there."""
        coarse = (self.coarse_names[0],) if self.coarse_names else ()
        return tuple(dict.fromkeys((*self.train, *self.test, self.fine_names[0], *coarse)))


_BATCHES: Final = tuple(f"data_batch_{i}" for i in range(1, 6))
LAYOUTS: Final = (
    Layout(
        "CIFAR-10", "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a",
        _BATCHES, ("test_batch",), ("batches.meta", "label_names"), label_key="labels",
    ),
    Layout(
        "CIFAR-10", "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530",
        tuple(f"{name}.bin" for name in _BATCHES), ("test_batch.bin",), ("batches.meta.txt", ""), label_bytes=1,
    ),
    Layout(
        "CIFAR-100", "cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85",
        ("train",), ("test",), ("meta", "fine_label_names"), ("meta", "coarse_label_names"), label_key="fine_labels",
    ),
    Layout(
        "CIFAR-100", "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8",
        ("train.bin",), ("test.bin",), ("fine_label_names.txt", ""), ("coarse_label_names.txt", ""), label_bytes=2,
    ),
)  # fmt: skip
_WANTED: Final = frozenset(name for layout in LAYOUTS for name in layout.members)


def check_md5(file: Path, expected: str | None) -> None:
    """Compare an archive's MD5 with ``expected``, or with those that CIFAR's authors publish.

    Raises:
        DataError: It is another one.
    """
    try:
        with file.open("rb") as stream:
            actual = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}", remedy="give a readable archive") from None
    known = [expected.lower()] if expected else [layout.md5 for layout in LAYOUTS]
    if actual not in known:
        whose = f"not {known[0]}" if expected else "none of those that CIFAR's authors publish"
        raise DataError(
            f"{file}: its MD5 is {actual}, {whose}: it is incomplete or another file",
            remedy="fetch it again; for an archive of another origin give --md5, or --no-check to do without",
        )


def read_members(path: Path) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """Return the contents of the files that belong to CIFAR, by base name, and what was left out with its reason.

    Raises:
        DataError: Nothing can be read there, a file stands twice, or the files are larger than CIFAR is.
    """
    if path.is_dir():
        return _from_folder(path), []
    found: dict[str, bytes] = {}
    ignored: list[tuple[str, str]] = []
    left = _MOST_BYTES
    with open_archive(path) as archive:
        for member in archive.members():
            place = PurePosixPath(member.name)
            if member.is_folder:
                continue
            if not member.is_file:
                ignored.append((printable(member.name), "is not a regular file"))
            elif place.is_absolute() or ".." in place.parts:
                ignored.append((printable(member.name), "leads out of the archive"))
            elif place.name not in _WANTED:
                ignored.append((printable(member.name), "is not read"))
            elif place.name in found:
                raise DataError(f"{path}: {place.name} stands twice", remedy="give the archive as published")
            else:
                left -= member.size
                _check_room(path, left)
                found[place.name] = archive.read(member.offset, member.size)
    return found, ignored


def _from_folder(folder: Path) -> dict[str, bytes]:
    """Look in the folder itself, and in those directly in it that the archives have."""
    left = _MOST_BYTES
    for place in (folder, *(folder / name for name in _FOLDERS)):
        found: dict[str, bytes] = {}
        for name in sorted(_WANTED):
            if not os.path.lexists(place / name) or (place / name).is_dir():
                continue
            content = read_image_file(place / name)
            if isinstance(content, Unreadable):
                raise DataError(f"{place / name}: {content.reason}", remedy="give readable files")
            left -= len(content)
            _check_room(folder, left)
            found[name] = content
        if found:
            return found
    return {}


_FOLDERS: Final = ("cifar-10-batches-py", "cifar-10-batches-bin", "cifar-100-python", "cifar-100-binary")


def _check_room(path: Path, left: int) -> None:
    if left < 0:
        raise DataError(
            f"{path}: more than {_MOST_BYTES:,} bytes in its files, more than CIFAR has",
            remedy="give the archive as published",
        )

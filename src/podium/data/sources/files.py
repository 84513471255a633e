"""Reading image files that others chose the names of: never a device, never more than the bound, never a wait."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from podium.data.images import MAX_BYTES
from podium.data.importing.listing import Row, Unreadable


def read_image_file(file: str | Path) -> bytes | Unreadable:
    """Return a file's content; what is no regular file (a pipe would wait for ever) or too large is not read."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                return Unreadable("is a folder")
            if not stat.S_ISREG(status.st_mode):
                return Unreadable("is not a regular file")
            if status.st_size > MAX_BYTES:
                return Unreadable(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
            content = os.read(handle, status.st_size)
            while len(content) < status.st_size and (more := os.read(handle, status.st_size - len(content))):
                content += more
            return content
        finally:
            os.close(handle)
    except OSError as error:
        return Unreadable(error.strerror or type(error).__name__)
    except ValueError as error:  # a NUL character in the name
        return Unreadable(str(error))


def printable(name: str) -> str:
    """A file name as text: bytes that are not UTF-8 are written out as hexadecimal escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Below(Sequence[Path]):
    """Paths below a folder, made when they are asked for: a million of them take little memory."""

    root: Path
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        if isinstance(index, slice):
            return Below(self.root, self.names[index])
        return self.root / self.names[index]


@dataclass(frozen=True)
class FilesPart:
    """A ``Part`` of files of one image each."""

    root: Path
    names: Sequence[str]
    """Relative to ``root``."""
    labels: NDArray[np.int64]
    groups: Sequence[str] | None = None
    extra: tuple[Path, ...] = ()
    """What else the rows come from: the table."""

    @property
    def files(self) -> Sequence[Path]:
        """The images, and the table if there is one."""
        return Below(self.root, [*map(str, self.extra), *self.names] if self.extra else self.names)

    def name(self, row: int) -> str:
        """The path below the folder of the source."""
        return printable(self.names[row])

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield the files' contents from ``start``, ``batch`` at a time."""
        root = os.fspath(self.root)
        for first in range(start, len(self.names), batch):
            yield [read_image_file(os.path.join(root, name)) for name in self.names[first : first + batch]]

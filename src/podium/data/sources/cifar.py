"""CIFAR-10 and CIFAR-100 as their authors publish them: the archives for Python and the binary ones.

Layout of the files: the authors' page of CIFAR (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
2009).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from podium.data.importing.listing import Ignored, Listing, Part, Row
from podium.data.sources.cifar_files import LAYOUTS, Layout, check_md5, read_members
from podium.data.sources.labels import number_integers
from podium.data.sources.restricted_pickle import ForbiddenName, ForbiddenPickle, load_dict
from podium.errors import DataError
from podium.results import SplitName

SIDE: Final = 32
_PIXELS: Final = 3 * SIDE * SIDE


@dataclass(frozen=True)
class CifarPart:
    """One batch; CIFAR is 180 MB as a whole, so it is held."""

    images: NDArray[np.uint8]
    """uint8, N×3072: red, green, blue planes of 32×32."""
    labels: NDArray[np.int64]
    member: str
    file: Path
    groups: None = None

    @property
    def files(self) -> Sequence[Path]:
        """The archive, or the batch's own file."""
        return (self.file if self.file.is_file() else self.file / self.member,)

    def name(self, row: int) -> str:
        """Batch and position."""
        return f"{self.member}#{row}"

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield uint8 32×32×3 arrays from ``start``, ``batch`` at a time."""
        for first in range(start, len(self.labels), batch):
            block = self.images[first : first + batch].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
            yield list(np.ascontiguousarray(block))


def list_cifar(
    path: Path, *, labels: Literal["fine", "coarse"] = "fine", md5: str | None = None, check: bool = True
) -> Listing:
    """List the images of an archive, or of the folder that it was extracted to; train and test are its own.

    Args:
        path: ``cifar-10-python.tar.gz``, ``cifar-10-binary.tar.gz``, the same of CIFAR-100, or an extracted folder.
        labels: Of CIFAR-100: its 100 classes, or the 20 above them.
        md5: Of the archive, in place of the published ones.
        check: Compare the archive's MD5 at all. A folder has none.

    Raises:
        DataError: The MD5 differs, a file is missing or damaged, or a pickle holds more than data.
    """
    if check and path.is_file():
        check_md5(path, md5)
    members, ignored = read_members(path)
    layout = _layout(path, members)
    if labels == "coarse" and not layout.coarse_names:
        raise DataError(f"{path}: CIFAR-10 has no coarse labels", remedy="leave --labels out")
    names_from = layout.coarse_names if labels == "coarse" else layout.fine_names
    names = _names(path, layout, members, names_from or layout.fine_names)
    batches = {name: _batch(path, layout, name, members.pop(name), labels) for name in (*layout.train, *layout.test)}
    for name, (_, numbers) in batches.items():
        number_integers(numbers, lambda row, name=name: f"{path}: {name}, image {row}", names)  # type: ignore[misc]
    origin = path.absolute()
    parts: dict[SplitName, list[Part]] = {
        "train": [CifarPart(*batches[name], name, origin) for name in layout.train],
        "test": [CifarPart(*batches[name], name, origin) for name in layout.test],
    }
    told = tuple(Ignored(name, reason) for name, reason in ignored)
    return Listing(names, parts, f"{layout.title}: {origin.name}", told, (SIDE, SIDE))


def _layout(path: Path, members: dict[str, bytes]) -> Layout:
    fitting = [layout for layout in LAYOUTS if set(layout.members) <= set(members)]
    if fitting:
        return fitting[0]
    nearest = max(LAYOUTS, key=lambda layout: len(set(layout.members) & set(members)))
    missing = [name for name in nearest.members if name not in members]
    raise DataError(
        f"{path}: not CIFAR as it is published: {', '.join(map(repr, missing[:4]))} is missing",
        remedy="give the whole archive (cifar-10-python.tar.gz, …), or the folder that it was extracted to",
    )


def _names(path: Path, layout: Layout, members: dict[str, bytes], where: tuple[str, str]) -> tuple[str, ...]:
    member, key = where
    if layout.binary:
        values: Any = members[member].split(b"\n")
    else:
        values = _unpickle(path, member, members[member]).get(key)
    if not isinstance(values, list) or not all(isinstance(value, bytes | str) for value in values):
        raise DataError(f"{path}: {member}: no list of class names {key!r}", remedy="give the archive as published")
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    return tuple(text.strip() for text in texts if text.strip())


def _batch(
    path: Path, layout: Layout, member: str, content: bytes, labels: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (uint8, N×3072) and labels (int64, N) of one file."""
    if layout.binary:
        width = layout.label_bytes + _PIXELS
        if not content or len(content) % width:
            raise DataError(
                f"{path}: {member}: {len(content):,} bytes, no multiple of {width}: it was cut off, or is another file",
                remedy="give the archive as published",
            )
        rows = np.frombuffer(content, np.uint8).reshape(-1, width)
        column = 0 if labels == "coarse" else layout.label_bytes - 1
        return rows[:, layout.label_bytes :], rows[:, column].astype(np.int64)
    found = _unpickle(path, member, content)
    images, given = found.get("data"), found.get(layout.label_key if labels == "fine" else "coarse_labels")
    numbers = [n for n in given if type(n) is int and -(2**62) < n < 2**62] if isinstance(given, list) else []
    if not numbers or numbers != given or not isinstance(images, np.ndarray) or images.shape != (len(numbers), _PIXELS):
        raise DataError(
            f"{path}: {member}: no array 'data' of N×{_PIXELS} bytes with as many whole numbers as labels",
            remedy="give the archive as published",
        )
    return images, np.array(numbers, np.int64)


def _unpickle(path: Path, member: str, content: bytes) -> dict[str, Any]:
    try:
        return load_dict(content)
    except ForbiddenName as error:
        raise DataError(
            f"{path}: {member}: refused: the pickle holds {error}, and could run any program",
            remedy="do not trust this file; fetch the archive from its authors",
        ) from None
    except ForbiddenPickle as error:
        raise DataError(
            f"{path}: {member}: refused: the pickle holds {error}, which CIFAR's files do not need",
            remedy="fetch the archive from its authors, or write its files anew with pickle's protocol 2",
        ) from None
    except ValueError as error:
        raise DataError(
            f"{path}: {member}: the pickle is damaged ({error})", remedy="fetch the archive again"
        ) from None

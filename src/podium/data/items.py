r"""What is known of every image's original file: ``SPLIT.items.tsv``, one line an image.

The columns are ``name width height mode format orientation group``, of the file before it was resized. Tabs, newlines
and backslashes in names are escaped as ``\t``, ``\n`` and ``\\``; an unknown field is empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import DataError

if TYPE_CHECKING:
    from podium.data.store import Dataset

COLUMNS: Final = ("name", "width", "height", "mode", "format", "orientation", "group")
HEADER: Final = ("\t".join(COLUMNS) + "\n").encode()
_PLAIN: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})
_ESCAPE: Final = re.compile(r"\\([\\tn])")
_CHARACTERS: Final = {"\\": "\\", "t": "\t", "n": "\n"}


@dataclass(frozen=True)
class Items:
    """N images; every field has N entries. 0 and "" stand for what is not known."""

    names: Sequence[str]
    """A path below the source, ``file.parquet#12`` or the like; distinct by the source's care, not by ours."""
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    modes: Sequence[str]
    """Pillow's: ``RGB``, ``L``, ``P``, ``CMYK``, ``I;16`` …"""
    formats: Sequence[str]
    """Pillow's: ``JPEG``, ``PNG`` …"""
    orientations: NDArray[np.uint8]
    """EXIF's 1…8, and 0 where the file says nothing."""
    groups: Sequence[str]
    """What belongs together: a patient, a video."""

    def __len__(self) -> int:
        return len(self.names)

    def slice(self, start: int, stop: int) -> Items:
        """Return the items from ``start`` up to ``stop``."""
        part = slice(start, stop)
        return Items(
            self.names[part], self.widths[part], self.heights[part], self.modes[part], self.formats[part],
            self.orientations[part], self.groups[part],
        )  # fmt: skip


def default_items(split: str, start: int, count: int, size: tuple[int, int]) -> Items:
    """Items of images that came as arrays of ``size`` (height, width): named ``SPLIT/INDEX``."""
    return Items(
        names=[f"{split}/{start + i}" for i in range(count)],
        widths=np.full(count, size[1], np.int32),
        heights=np.full(count, size[0], np.int32),
        modes=["RGB"] * count,
        formats=[""] * count,
        orientations=np.zeros(count, np.uint8),
        groups=[""] * count,
    )


def escape(text: str) -> str:
    r"""Make a name fit into one field: tabs, newlines and backslashes become ``\t``, ``\n`` and ``\\``."""
    return text.translate(_PLAIN)


def unescape(text: str) -> str:
    """Undo ``escape``."""
    return _ESCAPE.sub(lambda found: _CHARACTERS[found[1]], text) if "\\" in text else text


def format_items(items: Items) -> bytes:
    """Return the lines of some images, without the header. What UTF-8 cannot hold is written as its code."""
    names = list(items.names)
    joined = "\0".join(names)
    if any(mark in joined for mark in "\\\t\n"):
        names = [escape(name) for name in names]
    fields = zip(
        items.widths.tolist(), items.heights.tolist(), items.modes, items.formats, items.orientations.tolist(),
        items.groups, strict=True,
    )  # fmt: skip
    known: dict[tuple[int, int, str, str, int, str], str] = {}  # nearly all images are alike in these
    lines = []
    for name, of in zip(names, fields, strict=True):
        rest = known.get(of)
        if rest is None:
            width, height, mode, kind, orientation, group = of
            numbers = f"{width or ''}\t{height or ''}\t{escape(mode)}\t{escape(kind)}\t{orientation or ''}"
            rest = known[of] = f"\t{numbers}\t{escape(group)}\n"
        lines.append(name + rest)
    return "".join(lines).encode("utf-8", "backslashreplace")


def read_items(file: Path, count: int) -> Items:
    """Read the items of one split.

    Args:
        file: ``SPLIT.items.tsv``.
        count: Of the split's images.

    Raises:
        DataError: The file is missing, malformed, or has another number of lines.
    """
    names, modes, formats, groups = [], [], [], []
    widths, heights = np.zeros(count, np.int32), np.zeros(count, np.int32)
    orientations = np.zeros(count, np.uint8)
    known: dict[str, str] = {}  # a million equal strings are one
    try:
        with file.open(encoding="utf-8", newline="\n") as stream:
            if stream.readline().encode() != HEADER:
                raise ValueError(f"the first line is not {' '.join(COLUMNS)}")
            for row, line in enumerate(stream):
                name, width, height, mode, kind, orientation, group = line.rstrip("\n").split("\t")
                names.append(unescape(name))
                widths[row], heights[row], orientations[row] = int(width or 0), int(height or 0), int(orientation or 0)
                modes.append(known.setdefault(mode, unescape(mode)))
                formats.append(known.setdefault(kind, unescape(kind)))
                groups.append(known.setdefault(group, unescape(group)))
        if len(names) != count:
            raise ValueError(f"{len(names)} lines for {count} images")
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise _unreadable(file, error) from None
    return Items(names, widths, heights, modes, formats, orientations, groups)


def names(dataset: Dataset, split: str, indices: Sequence[int] | NDArray[np.integer]) -> list[str]:
    """Return the names of some images of a split, as ``items.tsv`` has them: for reports, logs and errors.

    The file is read up to the last of them, a line at a time; memory is that of the names which are returned.

    Args:
        dataset: An opened data set.
        split: One of its splits.
        indices: Positions in the split, in any order; the same one may stand there repeatedly.

    Raises:
        DataError: The file is missing, malformed, or shorter than the split.
        IndexError: An index is not one of the split.
    """
    count = dataset.manifest.splits[split].count
    wanted = [int(index) for index in indices]
    if wanted and not 0 <= min(wanted) <= max(wanted) < count:
        raise IndexError(f"{split}: {min(wanted)} to {max(wanted)}, of {count} images")
    file = dataset.path / f"{split}.items.tsv"
    found: dict[int, str] = {}
    try:
        with file.open("rb") as stream:
            if stream.readline() != HEADER:
                raise ValueError(f"the first line is not {' '.join(COLUMNS)}")
            following = 0
            for index in sorted(set(wanted)):
                line = next(islice(stream, index - following, None), None)
                if line is None:
                    raise ValueError(f"fewer than {index + 1} lines for {count} images")
                found[index] = unescape(line.partition(b"\t")[0].decode())
                following = index + 1
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from None
    return [found[index] for index in wanted]


def _unreadable(file: Path, error: Exception) -> DataError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(
        f"{file}: cannot be read as the list of images ({reason})",
        remedy="import the data set again, or restore it with `dvc checkout --force data.dvc`",
    )

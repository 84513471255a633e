"""What a source says of its images before any is decoded, and the rows that it yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from podium.results import SplitName


@dataclass(frozen=True)
class Unreadable:
    """A row whose bytes could not be had; the import goes on and tells of it."""

    reason: str


Row = bytes | NDArray[np.uint8] | Unreadable
"""An encoded image, a decoded one (uint8, H×W×3), or why there is none."""


class Part(Protocol):
    """Rows of one split, in an order that is the same every time."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64, one a row; indices into the class names."""
        ...

    @property
    def groups(self) -> Sequence[str] | None:
        """One a row: rows of one group (a patient, a video) come into the same drawn split. None: there are none."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """The files that are read; their sizes and times tell an interrupted import whether they changed."""
        ...

    def name(self, row: int) -> str:
        """What the data set and its reports call the image: a path below the source, or ``file.parquet#12``."""
        ...

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield the rows from ``start`` to the end, at most ``batch`` at a time.

        Raises:
            DataError: The file itself is damaged; what is wrong with a single image is an ``Unreadable`` row.
        """
        ...


@dataclass(frozen=True)
class Ignored:
    """A file that is no image by its name or place; told, and not imported."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """All that is to be imported."""

    class_names: tuple[str, ...]
    parts: Mapping[SplitName, Sequence[Part]]
    """``train`` at least; splits without a part are drawn from train."""
    description: str
    """For ``Manifest.source``: the source and its files by name; no absolute path."""
    ignored: Sequence[Ignored] = field(default=())
    size: tuple[int, int] | None = None
    """Height and width, where the source's format fixes them."""
    notes: Sequence[str] = field(default=())
    """Sentences for the person who imports: what was found without being named, and what is not used."""

"""A table of measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from podium.results import SplitName


@dataclass(frozen=True, order=True)
class Place:
    """Where an image stands, as a value of a lazy column: reports add the image's name."""

    split: SplitName
    index: int

    def __str__(self) -> str:
        return f"{self.split} {self.index}"


Column = NDArray[Any] | Sequence[Any]


@dataclass(frozen=True)
class Frame:
    """Columns of equal length, for one split; of the contract of one candidate where ``subject`` names it."""

    split: SplitName
    columns: Mapping[str, Column]
    subject: str | None = None
    lazy: Mapping[str, Callable[[int], object]] = field(default_factory=dict)
    """Columns for words only: filled in for the rows that are shown."""

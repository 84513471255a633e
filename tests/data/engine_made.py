"""A source in memory for the engine's tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from podium.data.importing import ImportOptions, Listing
from podium.data.importing.listing import Row, Unreadable
from tests.data.made import png

NAMES = ("cat", "dog")


@dataclass
class Made:
    """A part whose rows are in memory; counts how many were read."""

    images: Sequence[Row]
    labels: np.ndarray = field(init=False)
    groups: Sequence[str] | None = None
    files: Sequence[Path] = ()
    prefix: str = "img"
    read: int = 0
    fails_at: int | None = None

    def __post_init__(self) -> None:
        self.labels = np.arange(len(self.images), dtype=np.int64) // 2 % 2

    def name(self, row: int) -> str:
        return f"{self.prefix}/{row}.png"

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        for first in range(start, len(self.images), batch):
            if self.fails_at is not None and first + batch > self.fails_at:
                raise KeyboardInterrupt
            rows = self.images[first : first + batch]
            self.read += len(rows)
            yield rows


def listing(*train: Made, test: Made | None = None) -> Listing:
    parts = {"train": list(train)}
    if test:
        parts["test"] = [test]
    return Listing(NAMES, parts, "made")


def options(**changes) -> ImportOptions:
    return ImportOptions(name="made", **{"validation_fraction": 0.2, "test_fraction": 0.2, **changes})


def alike(count: int) -> list[Row]:
    """Pictures of a few large fields, each twice: the second is a little brighter."""
    fields = np.random.default_rng(0).integers(20, 200, (count, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return [png((fields[i // 2] + i % 2 * 6).astype(np.uint8)) for i in range(count)]


def bad_ones(images: list[Row]) -> list[Row]:
    images[3] = images[3][:40]
    images[17] = Unreadable("permission denied")
    images[18] = b""
    return images

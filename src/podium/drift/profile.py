"""What is kept of a data version so that a later one can be compared with it without its images."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from podium.config.base import Frozen, Resize
from podium.data import Dataset
from podium.drift.pixels import PIXEL_STATISTICS, pixel_statistics
from podium.results import SplitName

SAMPLE: Final = 1_000
"""Images a split whose statistics are kept: 70 KB of JSON, and a Kolmogorov-Smirnov distance of 0.12 is found
(``docs/design/drift.md``)."""
SPLITS: Final[tuple[SplitName, ...]] = ("train", "test")
"""What the model learned from, and what it was judged on."""
_DIGITS: Final = 6


class SplitProfile(Frozen):
    """One split: how many images of each class, and statistics of some."""

    per_class: tuple[int, ...]
    pixels: dict[str, tuple[float, ...]]
    """Of each of ``PIXEL_STATISTICS``, the sampled images' values in the order of the split."""

    @property
    def count(self) -> int:
        """Images of the split."""
        return sum(self.per_class)

    @property
    def sampled(self) -> int:
        """Images whose statistics are kept."""
        return len(next(iter(self.pixels.values()), ()))

    def table(self) -> dict[str, NDArray[np.float64]]:
        """The statistics as the tests take them: float64 n each."""
        return {name: np.array(values, np.float64) for name, values in self.pixels.items()}

    @model_validator(mode="after")
    def _is_whole(self) -> SplitProfile:
        if set(self.pixels) != set(PIXEL_STATISTICS) or len({len(values) for values in self.pixels.values()}) != 1:
            raise ValueError(f"pixels: holds {', '.join(self.pixels) or 'nothing'}, or not as many values of each")
        return self


class DataProfile(Frozen):
    """A data version in a few numbers."""

    schema_version: Literal[1] = 1
    name: str
    digest: str
    """Of the data version."""
    class_names: tuple[str, ...] = Field(min_length=2)
    height: int
    width: int
    resize: Resize
    splits: dict[SplitName, SplitProfile]

    @model_validator(mode="after")
    def _fits(self) -> DataProfile:
        if any(len(split.per_class) != len(self.class_names) for split in self.splits.values()):
            raise ValueError(f"splits: not {len(self.class_names)} counts each, one a class")
        return self


def profile_of(dataset: Dataset) -> DataProfile:
    """The profile of a data set.

    Each data version is sampled at other places, drawn from its digest: a version that repeats most images of another
    is not compared at the same ones, and the same version always gives the same profile.

    Args:
        dataset: With the splits train and test.
    """
    manifest = dataset.manifest
    return DataProfile(
        name=manifest.name,
        digest=manifest.digest,
        class_names=manifest.class_names,
        height=manifest.height,
        width=manifest.width,
        resize=manifest.resize,
        splits={split: _split_profile(dataset, split, place) for place, split in enumerate(SPLITS)},
    )


def _split_profile(dataset: Dataset, split: SplitName, place: int) -> SplitProfile:
    part = dataset[split]
    rng = np.random.default_rng([int(dataset.manifest.digest[:16], 16), place])
    chosen = np.sort(rng.permutation(len(part))[:SAMPLE])
    found = pixel_statistics(np.asarray(part.images[chosen]))
    return SplitProfile(
        per_class=dataset.manifest.splits[split].per_class,
        pixels={name: tuple(float(f"{value:.{_DIGITS}g}") for value in values) for name, values in found.items()},
    )

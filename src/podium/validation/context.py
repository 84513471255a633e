"""What the checks look at: the measurements of every split, and how images repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from podium.contract import InputContract
from podium.data import Dataset, Manifest, Split
from podium.data.duplicates import number_digests
from podium.data.items import Items
from podium.data.near import near_groups
from podium.results import SplitName
from podium.validation.measure import Measurements, measure

SPLIT_NAMES: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True)
class Measured:
    """One split that holds images as it should, with what was measured of them."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    of: Measurements
    groups: NDArray[np.int64]
    """A number for each image; identical images have the same number, across splits as well."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Context:
    """Everything that a measure may use."""

    dataset: Dataset
    manifest: Manifest
    contracts: Mapping[str, InputContract]
    """The input contract of every candidate that will be trained."""
    splits: Mapping[SplitName, Split]
    measured: Mapping[SplitName, Measured]
    """The splits of ``splits`` with uint8 images N×H×W×3 and as many int64 labels, N > 0."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.manifest.class_names)

    def near_groups(self) -> dict[SplitName, NDArray[np.int64]]:
        """A number for each image of each split; images that show the same picture have the same number."""
        groups = near_groups(np.concatenate([found.of.near for found in self.measured.values()]))
        return _divide(groups, {split: len(found) for split, found in self.measured.items()})

    def items(self, split: SplitName) -> Items | None:
        """What is known of the original files; None for a data set in memory."""
        return self.dataset.items(split) if self.dataset.path.is_dir() else None


def _divide(values: NDArray[np.int64], sizes: Mapping[SplitName, int]) -> dict[SplitName, NDArray[np.int64]]:
    parts = np.split(values, np.cumsum(list(sizes.values()))[:-1])
    return dict(zip(sizes, parts, strict=True))


def prepare(dataset: Dataset, contracts: Mapping[str, InputContract]) -> Context:
    """Measure every split that can be measured."""
    splits = {name: dataset.splits[name] for name in SPLIT_NAMES if name in dataset.splits}
    found = {name: measure(split.images) for name, split in splits.items() if measurable(split)}
    if not found:
        return Context(dataset, dataset.manifest, contracts, splits, {})
    groups = number_digests(np.concatenate([of.digests for of in found.values()]))
    numbers = _divide(groups, {name: len(of.digests) for name, of in found.items()})
    measured = {
        name: Measured(splits[name].images, splits[name].labels, of, numbers[name]) for name, of in found.items()
    }
    return Context(dataset, dataset.manifest, contracts, splits, measured)


def measurable(split: Split) -> bool:
    """Tell whether the arrays are what a data set has to hold, and not empty."""
    images, labels = split.images, split.labels
    return (
        images.dtype == np.uint8
        and images.ndim == 4
        and images.shape[-1] == 3
        and images.size > 0
        and labels.dtype == np.int64
        and labels.shape == images.shape[:1]
    )

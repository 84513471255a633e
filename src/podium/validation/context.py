"""What the checks look at: the measurements of every split, and how images repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from podium.config import ValidationConfig
from podium.contract import InputContract
from podium.data import Dataset, Manifest, Split
from podium.data.duplicates import number_groups
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
    """Everything that a check may use."""

    manifest: Manifest
    config: ValidationConfig
    contracts: Mapping[str, InputContract]
    """The input contract of every candidate that will be trained."""
    splits: Mapping[SplitName, Split]
    measured: Mapping[SplitName, Measured]
    """The splits of ``splits`` with uint8 images N×H×W×3 and as many int64 labels, N > 0."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.manifest.class_names)


def prepare(dataset: Dataset, config: ValidationConfig, contracts: Mapping[str, InputContract]) -> Context:
    """Measure every split that can be measured."""
    splits = {name: dataset.splits[name] for name in SPLIT_NAMES if name in dataset.splits}
    found = {name: measure(split.images) for name, split in splits.items() if measurable(split)}
    groups = number_groups([digest for of in found.values() for digest in of.digests])
    starts = np.cumsum([0, *(len(of.digests) for of in found.values())])
    measured = {
        name: Measured(splits[name].images, splits[name].labels, of, groups[starts[i] : starts[i + 1]])
        for i, (name, of) in enumerate(found.items())
    }
    return Context(dataset.manifest, config, contracts, splits, measured)


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

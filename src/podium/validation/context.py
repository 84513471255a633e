"""What the checks look at: the measurements of every split, and how images repeat."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from podium.contract import InputContract
from podium.data import Dataset, Manifest, Split
from podium.data.duplicates import number_digests
from podium.data.freed import give_back
from podium.data.near import SIZE, near_groups
from podium.data.rows import FileRows, temporary_files
from podium.results import SplitName
from podium.validation.measure import Measurements, measure
from podium.validation.originals import Originals, read_originals

SPLIT_NAMES: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True)
class Measured:
    """One split that holds images as it should, with what was measured of them."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    of: Measurements
    groups: NDArray[np.int32]
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
    descriptors: FileRows
    """Of all images of ``measured``, in its order: for the search of near duplicates. In a temporary file."""
    _originals: dict[SplitName, Originals] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.manifest.class_names)

    def near_groups(self) -> dict[SplitName, NDArray[np.int32]]:
        """A number for each image of each split; images that show the same picture have the same number."""
        with temporary_files():
            found = near_groups(self.descriptors)
        give_back()
        return _divide(found, {split: len(of) for split, of in self.measured.items()})

    def originals(self, split: SplitName) -> Originals | None:
        """What is known of the original files, read once; None for a data set in memory."""
        file = self.dataset.path / f"{split}.items.tsv"
        with self._lock:
            if split not in self._originals and file.is_file():
                self._originals[split] = read_originals(file, len(self.splits[split]))
                give_back()  # the lines that were read
            return self._originals.get(split)


def _divide(values: NDArray[np.int32], sizes: Mapping[SplitName, int]) -> dict[SplitName, NDArray[np.int32]]:
    parts = np.split(values, np.cumsum(list(sizes.values()))[:-1])
    return dict(zip(sizes, parts, strict=True))


def prepare(dataset: Dataset, contracts: Mapping[str, InputContract]) -> Context:
    """Measure every split that can be measured."""
    splits = {name: dataset.splits[name] for name in SPLIT_NAMES if name in dataset.splits}
    sizes = {name: len(split) for name, split in splits.items() if measurable(split)}
    total = sum(sizes.values())
    digests = np.empty((total, 2), np.uint64)
    found, start = {}, 0
    with temporary_files():
        near = FileRows(total, SIZE)
        for name, size in sizes.items():
            found[name] = measure(splits[name].images, digests, near, start)
            start += size
    numbers = _divide(number_digests(digests), sizes) if found else {}
    del digests
    give_back()
    measured = {
        name: Measured(splits[name].images, splits[name].labels, of, numbers[name]) for name, of in found.items()
    }
    return Context(dataset, dataset.manifest, contracts, splits, measured, near)


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

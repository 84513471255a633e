"""Data sets with one defect each."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from podium.contract import InputContract
from podium.data import Dataset, Manifest, Split, SplitInfo
from podium.data.store import channel_statistics
from tests.conftest import make_arrays

NAMES = ("left", "middle", "right")
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
Change = Callable[[Arrays], None]


def dataset(change: Change = lambda arrays: None, names: tuple[str, ...] = NAMES) -> Dataset:
    """A good data set of 60/24/24 images of 8×8 in memory, changed after its statistics were recorded."""
    counts = {"train": 60, "validation": 24, "test": 24}
    arrays = {split: make_arrays(n, side=8, seed=seed) for seed, (split, n) in enumerate(counts.items())}
    mean, std = channel_statistics(arrays["train"][0])
    splits = {
        split: SplitInfo(
            count=len(labels),
            per_class=tuple(np.bincount(labels, minlength=len(names)).tolist()),
            images_sha256="0" * 64,
            labels_sha256="0" * 64,
        )
        for split, (_, labels) in arrays.items()
    }
    change(arrays)
    manifest = Manifest(
        name="thirds",
        class_names=names,
        height=8,
        width=8,
        source="made",
        licence="CC0-1.0",
        mean=mean,
        std=std,
        splits=splits,
        digest="0123456789abcdef" * 4,
    )
    return Dataset(Path("nowhere"), manifest, {split: Split(*pair) for split, pair in arrays.items()})


def contract(of: Manifest, **changes) -> InputContract:
    own = InputContract(height=of.height, width=of.width, mean=of.mean, std=of.std, class_names=of.class_names)
    return own.model_copy(update=changes)


def without_images(given: Dataset) -> Dataset:
    empty = Split(np.empty((0, 8, 8, 3), np.uint8), np.empty(0, np.int64))
    return replace(given, splits=dict.fromkeys(given.splits, empty))

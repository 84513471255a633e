"""Data sets with one defect each."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from podium.contract import InputContract
from podium.data import Dataset, Manifest, Split, SplitInfo
from podium.data.items import HEADER, default_items, format_items
from podium.data.store import channel_statistics
from podium.validation import Suite, load_suite
from tests.conftest import ROOT, make_arrays

DEFAULT = load_suite("default", ROOT)
NAMES = ("left", "middle", "right")
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
Change = Callable[[Arrays], None]


_FOLDERS = tempfile.TemporaryDirectory(prefix="podium-validation-")


def with_items(given: Dataset, split: str, **columns) -> Dataset:
    """The same data set, whose originals in one split had other properties."""
    folder = Path(tempfile.mkdtemp(dir=_FOLDERS.name))
    for name, of in given.splits.items():
        known = default_items(name, 0, len(of), (given.manifest.height, given.manifest.width))
        items = replace(known, **columns) if name == split else known
        (folder / f"{name}.items.tsv").write_bytes(HEADER + format_items(items))
    return replace(given, path=folder)


def only(name: str, **kwargs) -> Suite:
    """One expectation of the default suite, with other bounds."""
    (found,) = [item for item in DEFAULT.expectations if item.id == name]
    return Suite(name="only", expectations=(found.model_copy(update={"kwargs": {**found.kwargs, **kwargs}}),))


def dataset(change: Change = lambda arrays: None, names: tuple[str, ...] = NAMES, times: int = 1) -> Dataset:
    """A good data set of 60/24/24 images of 8×8 in memory, changed after its statistics were recorded."""
    counts = {"train": 60 * times, "validation": 24, "test": 24}
    arrays = {split: make_arrays(n, side=8, seed=seed) for seed, (split, n) in enumerate(counts.items())}
    mean, std = channel_statistics(arrays["train"][0])
    splits = {
        split: SplitInfo(
            count=len(labels),
            per_class=tuple(np.bincount(labels, minlength=len(names)).tolist()),
            images_sha256="0" * 64,
            labels_sha256="0" * 64,
            items_sha256="0" * 64,
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
    made = Dataset(Path("."), manifest, {split: Split(*pair) for split, pair in arrays.items()})
    return with_items(made, "")


def contract(of: Manifest, **changes) -> InputContract:
    own = InputContract(height=of.height, width=of.width, mean=of.mean, std=of.std, class_names=of.class_names)
    return own.model_copy(update=changes)


def without_images(given: Dataset) -> Dataset:
    empty = Split(np.empty((0, 8, 8, 3), np.uint8), np.empty(0, np.int64))
    return replace(given, splits=dict.fromkeys(given.splits, empty))

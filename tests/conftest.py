"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from podium.data import Dataset, open_dataset, write_dataset
from tests.heap import pytest_collection
from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.order import pytest_collection_modifyitems

__all__ = [
    "pytest_collection",
    "pytest_collection_modifyitems",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the checkout (see its README)."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "cifar10-test.parquet").is_file():
        pytest.skip("../shared/data is not here: real CIFAR-10 images are not tested")
    return folder


@pytest.fixture
def source_root() -> Iterator[None]:
    """ZenML resolves pipelines from the checkout; of itself it asks for the main module, and a test worker has none."""
    from zenml.utils import source_utils

    source_utils.set_custom_source_root(str(ROOT))
    yield
    source_utils.set_custom_source_root(None)


def make_arrays(count: int, *, classes: int = 3, side: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images whose class is their brightest third: learnable within an epoch or two."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    images = rng.integers(0, 120, (count, side, side, 3), dtype=np.uint8)
    width = side // classes
    for image, label in zip(images, labels, strict=True):
        image[:, label * width : (label + 1) * width] += 100
    return images, labels


@pytest.fixture
def small_dataset(tmp_path: Path) -> Dataset:
    """Three classes, 32×32, 96/30/30 images; no duplicates."""
    splits = {
        name: make_arrays(n, seed=i) for i, (name, n) in enumerate([("train", 96), ("validation", 30), ("test", 30)])
    }
    write_dataset(
        tmp_path / "data",
        splits,
        name="thirds",
        class_names=("left", "middle", "right"),
        source="made",
        licence="CC0-1.0",
    )
    return open_dataset(tmp_path / "data")


@pytest.fixture(scope="session", autouse=True)
def no_shared_places() -> None:
    """A test writes into no decision log or artifact store that the developer works with."""
    for name in ("PODIUM_REVIEWS_URI", "PODIUM_ARTIFACT_ROOT"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def nobody_asked_to_stop() -> Iterator[None]:
    """A test that stops the trainings of its process stops none of a later test."""
    yield
    module = sys.modules.get("podium.orchestration.stopping")
    if module:
        module.begin()

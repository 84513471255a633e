"""The embedded data set."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from podium.data import open_dataset
from podium.data.duplicates import group_identical
from podium.data.sources import import_digits
from podium.digest import digest_directory

DIGEST = "2bebcefebf5312e488a2fbef9f75f2b52d0a5556844056fde419d1a9cf18509a"
"""As ``data.dvc`` records it."""


@pytest.mark.slow
def test_digits_are_the_same_bytes_every_time(tmp_path):
    assert import_digits(tmp_path / "a").digest == DIGEST
    import_digits(tmp_path / "b")
    assert digest_directory(tmp_path / "a") == digest_directory(tmp_path / "b")


def test_digits_hold_every_image_once_in_stratified_splits(tmp_path):
    manifest = import_digits(tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    dataset.verify()
    assert {split: info.count for split, info in manifest.splits.items()} == {
        "train": 1259,
        "validation": 270,
        "test": 268,
    }
    per_class = np.array([info.per_class for info in manifest.splits.values()])
    assert per_class.sum(axis=0).tolist() == np.bincount(load_digits().target).tolist()
    assert (np.abs(per_class / per_class.sum(axis=0) - [[0.7], [0.15], [0.15]]) < 0.01).all()

    images = np.concatenate([split.images for split in dataset.splits.values()])
    assert len(np.unique(group_identical(images))) == 1797
    assert images.shape[1:] == (32, 32, 3)
    assert (images.min(), images.max()) == (0, 255)
    assert (images[..., 0] == images[..., 2]).all()
    assert manifest.class_names == tuple("0123456789")
    assert manifest.licence == "CC-BY-4.0"

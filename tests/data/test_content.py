"""Digests of images by their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from podium.data import Dataset, open_dataset, write_dataset
from podium.data import content as module
from podium.data.content import row_digests, seen_rows, split_digest
from podium.data.duplicates import digest_images
from tests.conftest import make_arrays


def test_a_digest_is_of_the_pixels_alone(small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    images = small_dataset["train"].images
    whole = row_digests(images)
    assert whole.dtype == np.uint64
    assert [int.from_bytes(digest[:8], "little") for digest in digest_images(np.asarray(images))] == whole.tolist()
    monkeypatch.setattr(module, "_BLOCK", 7)
    np.testing.assert_array_equal(row_digests(images), whole)


def test_rows_of_training_and_validation_are_seen_once(small_dataset: Dataset) -> None:
    rows = seen_rows(small_dataset)
    wanted = {*row_digests(small_dataset["train"].images).tolist(), *row_digests(small_dataset["validation"].images)}
    assert rows.tolist() == sorted(wanted)
    assert not np.isin(row_digests(small_dataset["test"].images), rows).any()


def test_a_split_is_its_images_and_labels_whatever_it_is_called(tmp_path: Path) -> None:
    arrays = {name: make_arrays(30, seed=seed) for seed, name in enumerate(("train", "validation", "test"))}
    other = {**arrays, "train": make_arrays(30, seed=9)}
    names = ("left", "middle", "right")
    made = []
    for folder, splits, title in (("a", arrays, "one"), ("b", other, "two")):
        write_dataset(tmp_path / folder, splits, name=title, class_names=names, source="made", licence="CC0-1.0")
        made.append(open_dataset(tmp_path / folder).manifest)
    assert split_digest(made[0], "test") == split_digest(made[1], "test")
    assert split_digest(made[0], "train") != split_digest(made[1], "train")
    assert split_digest(made[0], "test") != split_digest(made[0], "validation")

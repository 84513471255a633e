"""What is kept of a data version: little, always the same, and enough to find drift without the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from podium.data import Dataset, open_dataset, write_dataset
from podium.drift import profile as module
from podium.drift.config import DriftConfig
from podium.drift.profile import DataProfile, profile_of
from podium.drift.univariate import pixel_tests
from podium.drift.versions import SplitDrift, compare_profiles
from tests.drift.made import NAMES, made_images


def made(
    folder: Path, seed: int, *, darker: float = 1.0, without: int | None = None, names: tuple[str, ...] = NAMES,
    counts: tuple[int, int, int] = (220, 20, 120), step: int = 1,
) -> Dataset:  # fmt: skip
    """A data set; ``darker`` images of test alone, without a class in training alone, every ``step``-th pixel."""
    splits = {}
    for place, (split, count) in enumerate(zip(("train", "validation", "test"), counts, strict=True)):
        images, labels = made_images(count, seed + place)
        if split == "test":
            images = (images * darker).astype(np.uint8)
        keep = labels != without if split == "train" else labels >= 0
        splits[split] = (images[keep][:, ::step, ::step], labels[keep])
    write_dataset(folder, splits, name="made", class_names=names, source="made", licence="CC0-1.0")
    return open_dataset(folder)


def by_split(reference: Dataset, current: Dataset) -> dict[str, SplitDrift]:
    return {one.split: one for one in compare_profiles(profile_of(reference), profile_of(current))}


def test_a_profile_is_small_the_same_each_time_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = made(tmp_path / "a", 1)
    kept = profile_of(dataset)
    assert kept == profile_of(dataset) == DataProfile.model_validate_json(kept.model_dump_json())
    assert kept.splits["train"].per_class == dataset.manifest.splits["train"].per_class
    assert {split: one.sampled for split, one in kept.splits.items()} == {"train": 220, "test": 120}
    monkeypatch.setattr(module, "SAMPLE", 50)
    fewer = profile_of(dataset)
    assert {one.sampled for one in fewer.splits.values()} == {50}
    assert fewer.splits["train"].count == 220
    assert len(fewer.model_dump_json()) < 50 * 2 * 8 * 12 + 500


def test_two_versions_are_sampled_at_different_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As otherwise one that repeats the other's images would be compared at the very same ones."""
    monkeypatch.setattr(module, "SAMPLE", 50)
    first = profile_of(made(tmp_path / "a", 1))
    second = profile_of(made(tmp_path / "b", 1, names=("r", "g", "b")))
    assert first.splits["train"].per_class == second.splits["train"].per_class
    shared = set(first.splits["train"].pixels["noise"]) & set(second.splits["train"].pixels["noise"])
    assert 0 < len(shared) < 40


@pytest.mark.slow
def test_the_tests_are_those_on_the_images(tmp_path: Path) -> None:
    reference, current = made(tmp_path / "a", 1), made(tmp_path / "b", 5)
    tables = [profile_of(one).splits["test"].table() for one in (reference, current)]
    (found,) = [one for one in compare_profiles(profile_of(reference), profile_of(current)) if one.split == "test"]
    expected = {one.name: one.p_value for one in pixel_tests(tables[0], tables[1], minimum=0.1)}
    assert {one.name: one.p_value for one in found.tests if one.group == "pixels"} == expected
    assert len(found.tests) == 10
    assert found.alpha == 0.025
    assert (found.reference, found.current) == (120, 120)


def test_the_same_distribution_is_no_drift(tmp_path: Path) -> None:
    for found in by_split(made(tmp_path / "a", 1), made(tmp_path / "b", 11)).values():
        assert not found.drift, found.sentence


def test_drift_is_found_in_the_split_that_has_it(tmp_path: Path) -> None:
    found = by_split(made(tmp_path / "a", 1), made(tmp_path / "b", 11, darker=0.7, without=2))
    assert "labels" in found["train"].kinds
    assert "class blue missing" in found["train"].sentence
    assert found["test"].kinds == ("pixels",)
    assert "darker" in found["test"].sentence


def test_images_of_another_size_are_compared_by_their_labels_alone(tmp_path: Path) -> None:
    found = by_split(made(tmp_path / "a", 1), made(tmp_path / "b", 11, step=2))["test"]
    assert {one.group for one in found.tests} == {"labels"}
    assert [one.reason for one in found.skipped] == [
        "images were 16×16 pixels large and are 8×8 now: sharpness and noise depend on the size"
    ]
    assert not found.drift


def test_too_few_images_say_nothing_of_pixels(tmp_path: Path) -> None:
    found = by_split(made(tmp_path / "a", 1), made(tmp_path / "b", 11, counts=(220, 20, 12)))["test"]
    assert found.skipped[0].reason == "fewer than 20 images on a side"
    assert {one.name for one in found.tests} == {"labels", "classes"}


def test_levels_are_shared(tmp_path: Path) -> None:
    profile = profile_of(made(tmp_path / "a", 1))
    assert {one.alpha for one in compare_profiles(profile, profile, DriftConfig(alpha=0.2))} == {0.1}


@pytest.mark.parametrize("change", ["statistic", "length", "counts"])
def test_a_profile_that_lacks_something_is_refused(tmp_path: Path, change: str) -> None:
    content = profile_of(made(tmp_path / "a", 1)).model_dump(mode="json")
    test = content["splits"]["test"]
    if change == "statistic":
        del test["pixels"]["noise"]
    elif change == "length":
        test["pixels"]["noise"].pop()
    else:
        test["per_class"].append(1)
    with pytest.raises(ValidationError):
        DataProfile.model_validate_json(json.dumps(content))

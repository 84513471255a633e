"""The data of a run against the champion's, as the dossier tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.config.promotion import PromotionPolicy
from podium.data import Dataset, open_dataset, write_dataset
from podium.dossier.facts import DataDrift
from podium.drift.profile import profile_of
from podium.gate.floors import Measured
from podium.gate.result import GateResult, Incumbent
from podium.gate.verdict import Verdict
from podium.orchestration.drifting import data_drift, drift_cautions, split_drift
from podium.registry.evidence import PROFILE
from tests.drift.made import NAMES, made_images
from tests.registry.support import House, make_bundle, make_evidence


def made(folder: Path, seed: int, dim: float = 1.0) -> Dataset:
    counts = {"train": 100, "validation": 20, "test": 60}
    splits = {}
    for place, (split, count) in enumerate(counts.items()):
        images, labels = made_images(count, seed + place)
        splits[split] = ((images * dim).astype(np.uint8), labels)
    write_dataset(folder, splits, name="made", class_names=NAMES, source="made", licence="CC0-1.0")
    return open_dataset(folder)


def against(version: int | None) -> GateResult:
    verdict = Verdict(outcome="promote-eligible", criteria=())
    return GateResult(
        challenger="tiny", weights="b" * 64, champion=Incumbent(version=version), data="d" * 64, test="e" * 64,
        use=1, uses=1, duel=None, policy=PromotionPolicy(), difference=None, trainings=(), verdict=verdict,
        measured=Measured(accuracy=1, most_frequent=0.5, recalls={}, ece=0),
    )  # fmt: skip


def champion_of(house: House, dataset: Dataset, *, kept: bool = True) -> None:
    """Version 1, registered with a run on this data."""
    profile = profile_of(dataset).model_dump(mode="json") if kept else None
    bundle = make_bundle(house.folder / "crown", data=dataset.manifest.digest)
    house.register(0, bundle=bundle, evidence=replace(make_evidence(), profile=profile))


def told(house: House, dataset: Dataset, version: int | None = 1) -> DataDrift:
    return data_drift(house.settings, dataset, "podium", against(version))


def test_without_a_champion_there_is_nothing_to_compare_with(house: House, tmp_path: Path) -> None:
    found = told(house, made(tmp_path / "a", 1), None)
    assert (found.state, found.splits, drift_cautions(None, found)[1:]) == ("no champion", (), [])


@pytest.mark.slow
def test_the_same_data_is_said_in_one_line_and_nothing_is_computed(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(tmp_path / "a", 1)
    champion_of(house, dataset)
    monkeypatch.setattr("podium.orchestration.drifting.profile_of", None)
    found = told(house, dataset)
    assert (found.state, found.sentence) == ("same data", "The champion, version 1, is of the same data.")
    assert found.data == dataset.manifest.digest


@pytest.mark.slow
def test_other_data_is_compared_with_what_was_kept(house: House, tmp_path: Path) -> None:
    champion_of(house, made(tmp_path / "a", 1))
    found = told(house, made(tmp_path / "b", 11))
    assert (found.state, found.version) == ("compared", 1)
    assert found.sentence.endswith("(version 1); no drift was found.")
    assert [split.split for split in found.splits] == ["train", "test"]
    darker = told(house, made(tmp_path / "c", 11, dim=0.6))
    assert darker.sentence.endswith("the training and test images are not like its.")
    texts = [caution.text for caution in drift_cautions(None, darker)]
    assert texts[1].startswith("the training images are not like those of the champion's data: Drift in the pixels")
    assert len(texts) == 3


@pytest.mark.slow
def test_a_champion_of_before_has_no_statistics(house: House, tmp_path: Path) -> None:
    champion_of(house, made(tmp_path / "a", 1), kept=False)
    found = told(house, made(tmp_path / "b", 11))
    assert found.state == "unknown"
    assert "of version 1, it was registered before statistics of the data were kept" in found.sentence
    assert drift_cautions(None, found)[-1].text == found.sentence


@pytest.mark.slow
def test_statistics_that_were_changed_are_not_compared_with(house: House, tmp_path: Path) -> None:
    champion_of(house, made(tmp_path / "a", 1))
    (file,) = house.settings.artifacts.rglob(PROFILE)
    file.write_text(file.read_text().replace("0.1", "0.2"))
    found = told(house, made(tmp_path / "b", 11))
    assert found.state == "unknown"
    assert "its evidence has changed since the review was opened" in found.sentence


def test_the_test_split_is_compared_with_the_training_split(tmp_path: Path) -> None:
    dataset = made(tmp_path / "a", 1)
    report = split_drift(dataset)
    assert report is not None
    assert not report.drift
    assert drift_cautions(report, DataDrift(state="no champion", sentence="")) == []

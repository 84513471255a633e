"""Which candidates start from the champion, and what would flatter them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.bundle import Bundle
from podium.config import Candidate, Start
from podium.data import Dataset, open_dataset, write_dataset
from podium.data.content import seen_rows
from podium.errors import ConfigError, DataError
from podium.models.contracts import contract_for
from podium.orchestration import registration
from podium.results import TrainingSummary
from podium.retraining.warm import warm_started
from podium.settings import Settings
from tests.conftest import make_arrays
from tests.training.helpers import candidate

IMAGES, LABELS = make_arrays(60, side=8)
PARTS = {"train": slice(0, 30), "validation": slice(30, 40), "test": slice(40, 50)}


def dataset(folder: Path, names: tuple[str, ...] = ("a", "b", "c"), **parts: slice) -> Dataset:
    splits = {name: (IMAGES[part], LABELS[part]) for name, part in (PARTS | parts).items()}
    write_dataset(folder, splits, name="made", class_names=names, source="tests", licence="CC0-1.0")
    return open_dataset(folder)


@pytest.fixture
def old(tmp_path: Path) -> Dataset:
    return dataset(tmp_path / "old")


@pytest.fixture
def champion(old: Dataset) -> Bundle:
    chosen = candidate("simple")
    return Bundle(
        chosen, contract_for(chosen, old.manifest), old.manifest.digest, {}, TrainingSummary.model_construct(),
        seen=seen_rows(old), trained=seen_rows(old, ("train",)),
    )  # fmt: skip


def start(champion: Bundle) -> Start:
    return Start(model="m", version=7, digest="d" * 64, mean=champion.contract.mean, std=champion.contract.std)


def warm(champion: Bundle, data: Dataset, *models: str) -> list[Candidate]:
    return warm_started([candidate(model) for model in models], champion, start(champion), data)


def test_those_with_its_network(champion: Bundle, old: Dataset) -> None:
    made = warm(champion, old, "blocks", "simple")
    assert [one.start for one in made] == [None, start(champion)]
    with pytest.raises(ConfigError, match=r"no candidate has .* champion \(tiny_simple, version 7 of m\)"):
        warm(champion, old, "blocks", "resnet")


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"train": slice(0, 30)}, None),
        ({"train": slice(0, 28)}, None),
        ({"validation": slice(50, 60)}, None),
        ({"train": slice(5, 30), "validation": slice(0, 5)}, "was trained on 5 images that the validation"),
        ({"train": slice(30, 40), "validation": slice(50, 55), "test": slice(20, 30)}, "or chosen on 10 images that"),
        ({"train": slice(0, 30), "validation": slice(50, 60), "test": slice(30, 32)}, "on 2 images that the test"),
        ({"train": slice(0, 30), "test": slice(25, 30)}, None),  # the data's validation tells of those
    ],
)  # fmt: skip
def test_on_data_that_it_knows(parts: dict[str, slice], told: str | None, champion: Bundle, tmp_path: Path) -> None:
    data = dataset(tmp_path / "new", **parts)
    if told is None:
        assert warm(champion, data, "simple")[0].start is not None
        return
    with pytest.raises(DataError, match=told) as raised:
        warm(champion, data, "simple")
    assert "retraining.start: scratch" in raised.value.remedy


@pytest.mark.parametrize("missing", ["seen", "trained"])
def test_one_that_does_not_tell(missing: str, champion: Bundle, old: Dataset) -> None:
    changes: dict[str, Any] = {missing: None}
    with pytest.raises(DataError, match="version 7 of m does not tell which images it has learned"):
        warm(replace(champion, **changes), old, "simple")


def test_other_classes(champion: Bundle, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has other classes or another size"):
        warm(champion, dataset(tmp_path / "new", ("a", "b", "x")), "simple")


def test_what_it_has_seen_is_handed_on(
    champion: Bundle, old: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = dataset(tmp_path / "new", train=slice(20, 30), validation=slice(50, 60))
    monkeypatch.setattr(registration, "fetch_bundle", lambda settings, model, version: Path(f"{model}-{version}"))
    monkeypatch.setattr(Bundle, "load", lambda folder: {Path("m-7"): champion}[folder])
    (chosen,) = warm(champion, new, "simple")
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path)})
    told = registration._with_rows(settings, replace(champion, candidate=chosen), new)
    assert told.seen is not None
    assert told.trained is not None
    both = np.union1d(seen_rows(old), seen_rows(new))
    assert np.array_equal(told.seen, both)
    assert np.array_equal(told.trained, seen_rows(old, ("train",)))
    own = registration._with_rows(settings, champion, new)
    assert own.trained is not None
    assert np.array_equal(own.trained, seen_rows(new, ("train",)))

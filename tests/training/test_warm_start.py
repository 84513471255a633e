"""A training that starts from a registered version's weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from podium.bundle import Bundle
from podium.config import Candidate, Start
from podium.data import Dataset
from podium.errors import TrainingStopped, WeightsError
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.results import EpochRecord
from podium.training import preparing, train
from podium.training.identity import backbone_key, identity

from .helpers import candidate, same

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TUNE = {"epochs": 3, "learning_rate": 0.005, "unfreeze": 0.5}
TRAINERS: dict[str, dict[str, Any]] = {
    "transfer": {"epochs": 3, "learning_rate": 0.05, "fine_tune": TUNE},
}
"""With which the champion learns something."""
STILL: dict[str, Any] = {"epochs": 1, "optimizer": "sgd", "learning_rate": 1e-9, "weight_decay": 0.0}


def champion_of(model: str, dataset: Dataset, folder: Path, store: WeightsStore) -> tuple[Bundle, Path]:
    """Trained from scratch, and its bundle's folder."""
    chosen = candidate(model, **TRAINERS.get(model, {"epochs": 3, "learning_rate": 0.01}))
    contract = contract_for(chosen, dataset.manifest, store)
    contract = contract.model_copy(update={"mean": (0.4, 0.5, 0.6)}) if model != "transfer" else contract
    bundle = train(chosen, dataset, contract, work=folder / "champion", weights=store)
    (folder / "bundle").mkdir()
    bundle.save(folder / "bundle")
    return bundle, folder / "bundle"


def start_of(bundle: Bundle, digest: str = "d" * 64) -> Start:
    contract = bundle.contract
    return Start(
        model="podium", version=4, digest=digest, mean=contract.mean, std=contract.std,
        trained_range=contract.trained_range,
    )  # fmt: skip


def warm(bundle: Bundle, model: str, **trainer: Any) -> Candidate:
    return candidate(model, seed=9, **trainer).model_copy(update={"start": start_of(bundle)})


@pytest.mark.slow
@pytest.mark.parametrize("model", ["simple", "resnet", "transfer"])
def test_it_begins_with_the_champions_weights(
    model: str, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion, folder = champion_of(model, small_dataset, tmp_path, store)
    monkeypatch.setattr(preparing, "some_images", lambda *_, **__: pytest.fail("it would be fitted to the new images"))
    chosen = warm(champion, model, **STILL)
    contract = contract_for(chosen, small_dataset.manifest, store)
    assert contract == champion.contract, "the normalization is the champion's, not that of the new images"
    made = train(chosen, small_dataset, contract, work=tmp_path / "w", weights=store, start=folder)
    learned = [name for name in champion.state if "running" not in name and "num_batches" not in name]
    moved = [name for name in learned if not torch.allclose(made.state[name], champion.state[name], atol=1e-5)]
    assert moved == []


@pytest.mark.slow
def test_it_is_another_training_than_from_scratch(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    champion, folder = champion_of("transfer", small_dataset, tmp_path, store)
    chosen = warm(champion, "transfer", epochs=1)
    others = [
        chosen.model_copy(update={"start": None}),
        chosen.model_copy(update={"start": start_of(champion, "e" * 64)}),
    ]
    arguments = (champion.contract, small_dataset.manifest.digest, store, CPU)
    for key in (identity, backbone_key):
        assert len({key(one, *arguments) for one in (chosen, *others)}) == 3, "also what a frozen backbone gives"
    with pytest.raises(ValueError, match="belong together"):
        train(chosen, small_dataset, champion.contract, work=tmp_path / "w", weights=store)
    with pytest.raises(ValueError, match="belong together"):
        train(others[0], small_dataset, champion.contract, work=tmp_path / "w", weights=store, start=folder)


@pytest.mark.slow
def test_an_interrupted_one_goes_on(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    champion, folder = champion_of("blocks", small_dataset, tmp_path, store)
    chosen = warm(champion, "blocks", epochs=4)
    whole = train(chosen, small_dataset, champion.contract, work=tmp_path / "whole", start=folder)
    seen: list[EpochRecord] = []
    with pytest.raises(TrainingStopped):
        train(
            chosen, small_dataset, champion.contract, work=tmp_path / "part", start=folder,
            on_epoch=seen.append, stop=lambda: len(seen) == 2,
        )  # fmt: skip
    assert len(seen) == 2
    assert same(train(chosen, small_dataset, champion.contract, work=tmp_path / "part", start=folder), whole)


@pytest.mark.slow
def test_two_processes_start_from_it(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    champion, folder = champion_of("simple", small_dataset, tmp_path, store)
    chosen = warm(champion, "simple", **STILL)
    two = chosen.model_copy(update={"processes": 2})
    made = train(two, small_dataset, champion.contract, work=tmp_path / "w", start=folder)
    assert all(torch.allclose(value, champion.state[name], atol=1e-5) for name, value in made.state.items())


@pytest.mark.slow
def test_weights_of_another_network(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    champion, folder = champion_of("simple", small_dataset, tmp_path, store)
    with pytest.raises(WeightsError, match="its weights are those of another network"):
        train(warm(champion, "blocks"), small_dataset, champion.contract, work=tmp_path / "w", start=folder)


def test_a_bundle_keeps_both_kinds_of_rows(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    champion, _ = champion_of("simple", small_dataset, tmp_path, store)
    rows = torch.arange(5).numpy().astype("uint64")
    (tmp_path / "kept").mkdir()
    replace(champion, seen=rows, trained=rows[:3]).save(tmp_path / "kept")
    found = Bundle.load(tmp_path / "kept")
    assert found.seen is not None
    assert found.trained is not None
    assert (found.seen.tolist(), found.trained.tolist()) == ([0, 1, 2, 3, 4], [0, 1, 2])

"""Interrupted trainings: the same bits as without the interruption."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from podium import atomic
from podium.bundle import Bundle
from podium.config import Candidate
from podium.data import Dataset
from podium.errors import TrainingFailed
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.results import EpochRecord
from podium.training import discard, engine, train
from podium.training.checkpoint import CHECKPOINT
from podium.training.job import OnEpoch
from podium.training.stopping import Stop

from .helpers import candidate, same
from .test_engine import FULL

TUNE = {"epochs": 3, "learning_rate": 0.005, "unfreeze": 0.5}
STAGES = {
    "epochs": 2,
    "learning_rate": 0.005,
    "unfreeze": [{"layers": 2}, 0.5, "0"],
    "layer_decay": 0.5,
    "optimizer": "rmsprop",
}
CASES: dict[str, tuple[str, dict]] = {
    "adam, early stopping, plateau": (
        "blocks",
        {"epochs": 12, **FULL, "early_stopping": {"monitor": "loss", "patience": 2}},
    ),
    "sgd, one cycle": ("resnet", {"epochs": 6, "optimizer": "sgd", "schedule": "one_cycle", "learning_rate": 0.05}),
    "adamw, cosine": ("simple", {"epochs": 6, "optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.01}),
    "rmsprop": ("simple", {"epochs": 6, "optimizer": "rmsprop", "learning_rate": 0.001}),
    "averaging, alternating flip, mixup": (
        "blocks",
        {
            "epochs": 10,
            "schedule": "triangular",
            "learning_rate": 0.01,
            "averaging": {"decay": 0.6, "every": 4},
            "augment": {"flip": "alternating", "crop": 2, "mixup": 0.2},
        },
    ),
    "averaging, early stopping, muon": (
        "blocks",
        {"epochs": 6, "optimizer": "muon", "learning_rate": 0.01, "averaging": {"decay": 0.8}, "early_stopping": {}},
    ),
    "three stages": ("transfer", {"epochs": 3, "learning_rate": 0.05, "fine_tune": STAGES}),
    "two phases": ("transfer", {"epochs": 3, "learning_rate": 0.05, "fine_tune": TUNE, "early_stopping": {}}),
}


class Interrupted(Exception):
    pass


def interrupt_after(epoch: int) -> OnEpoch:
    def stop(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise Interrupted

    return stop


def fit(
    chosen: Candidate,
    dataset: Dataset,
    work: Path,
    store: WeightsStore,
    on_epoch: OnEpoch | None = None,
    stop: Stop | None = None,
) -> Bundle:
    contract = contract_for(chosen, dataset.manifest, store)
    return train(chosen, dataset, contract, work=work, weights=store, on_epoch=on_epoch, stop=stop)


QUICK = {"rmsprop", "averaging, early stopping, muon"}
"""The others take longer, and are left to ``make test``."""


@pytest.mark.parametrize("case", [pytest.param(c, marks=[] if c in QUICK else pytest.mark.slow) for c in sorted(CASES)])
def test_a_resumed_training_gives_the_same_bits(
    case: str, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    model, settings = CASES[case]
    chosen = candidate(model, **settings)
    whole = fit(chosen, small_dataset, tmp_path / "whole", store)
    work = tmp_path / "work"
    last = whole.summary.epochs
    assert last > 4
    for epoch in (1, 3, 4, last):
        with pytest.raises(Interrupted):
            fit(chosen, small_dataset, work, store, interrupt_after(epoch))
    resumed = fit(chosen, small_dataset, work, store)
    assert same(whole, resumed)
    assert resumed.summary.resumed_from == last
    assert whole.summary.resumed_from is None


@pytest.mark.slow
def test_a_finished_training_is_reused(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    chosen, epochs = candidate(), []
    first = fit(chosen, small_dataset, tmp_path / "w", store, lambda record: epochs.append(record.epoch))
    second = fit(chosen, small_dataset, tmp_path / "w", store, lambda record: epochs.append(record.epoch))
    assert epochs == [1, 2, 3, 4]
    assert same(first, second)
    assert first.summary == second.summary
    assert not (tmp_path / "w" / "checkpoint.safetensors").exists()


@pytest.mark.slow
def test_two_runs_at_once_train_once(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    chosen, epochs = candidate(), []

    def one(_: int) -> Bundle:
        return fit(chosen, small_dataset, tmp_path / "w", store, lambda record: epochs.append(record.epoch))

    with ThreadPoolExecutor(3) as pool:
        bundles = list(pool.map(one, range(3)))
    assert sorted(epochs) == [1, 2, 3, 4]
    assert all(same(bundles[0], bundle) for bundle in bundles)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["candidate", "data", "code"])
def test_the_checkpoint_of_another_training_is_ignored(
    change: str,
    small_dataset: Dataset,
    tmp_path: Path,
    store: WeightsStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = candidate(epochs=3)
    with pytest.raises(Interrupted):
        fit(chosen, small_dataset, tmp_path / "w", store, interrupt_after(1))
    dataset = small_dataset
    if change == "candidate":
        chosen = candidate(epochs=3, learning_rate=0.004)
    elif change == "data":
        manifest = dataset.manifest.model_copy(update={"digest": "another"})
        dataset = Dataset(dataset.path, manifest, dataset.splits)
    else:
        real = engine.identity
        monkeypatch.setattr(engine, "identity", lambda *args: real(*args) + "x")
    epochs: list[int] = []
    with caplog.at_level(logging.INFO):
        bundle = fit(chosen, dataset, tmp_path / "w", store, lambda record: epochs.append(record.epoch))
    assert epochs == [1, 2, 3]
    assert bundle.summary.resumed_from is None
    assert "another candidate, data or code version" in caplog.text


@pytest.mark.slow
def test_an_unreadable_checkpoint_is_named_and_ignored(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = candidate(epochs=3)
    with pytest.raises(Interrupted):
        fit(chosen, small_dataset, tmp_path / "w", store, interrupt_after(2))
    file = tmp_path / "w" / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    assert fit(chosen, small_dataset, tmp_path / "w", store).summary.resumed_from is None
    assert "cannot be read" in caplog.text


@pytest.mark.slow
def test_a_finished_result_of_another_training_is_replaced(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    first = fit(candidate(seed=1), small_dataset, tmp_path / "w", store)
    second = fit(candidate(seed=2), small_dataset, tmp_path / "w", store)
    assert not same(first, second)
    assert torch.equal(second.state["0.weight"], Bundle.load(tmp_path / "w" / "finished").state["0.weight"])


@pytest.mark.slow
def test_a_waiting_run_survives_the_deletion_of_the_folder(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    """The first caller stores its result and cleans up while the second one waits."""
    chosen, work = candidate(epochs=2), tmp_path / "w"
    second: list[Bundle] = []
    thread = threading.Thread(target=lambda: second.append(fit(chosen, small_dataset, work, store)))

    def start_second(record: EpochRecord) -> None:
        if record.epoch == 1:
            thread.start()
            time.sleep(0.3)

    first = fit(chosen, small_dataset, work, store, start_second)
    discard(work)
    thread.join(60)
    assert same(first, second[0])


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_training_goes_on_later(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, writes = candidate(), []
    real = atomic.write_bytes

    def full_after_two(path: Path, content: bytes) -> None:
        writes.extend([path] if path.name == CHECKPOINT else [])
        if len(writes) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    monkeypatch.setattr(atomic, "write_bytes", full_after_two)
    with pytest.raises(TrainingFailed, match="No space left on device") as caught:
        fit(chosen, small_dataset, tmp_path / "w", store)
    assert "free disk space" in caught.value.remedy
    monkeypatch.undo()
    assert fit(chosen, small_dataset, tmp_path / "w", store).summary.resumed_from == 2


def test_a_stored_result_can_be_discarded(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    fit(candidate(epochs=1), small_dataset, tmp_path / "w", store)
    discard(tmp_path / "w")
    assert not (tmp_path / "w").exists()
    discard(tmp_path / "w")

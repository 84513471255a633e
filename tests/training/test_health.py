"""Trainings that fail are named early, each with its fault; those that only start slowly are not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from podium import models
from podium.data import Dataset, open_dataset, write_dataset
from podium.errors import TrainingFailed, TrainingStopped
from podium.models.contracts import contract_for
from podium.results import EpochRecord
from podium.training import engine, train
from podium.training.health import Health

from ..conftest import make_arrays
from .helpers import candidate
from .test_engine import fit
from .test_stopping import stop_after


@pytest.fixture
def larger(tmp_path: Path) -> Dataset:
    """960 images to train on: 60 steps an epoch."""
    splits = {name: make_arrays(n, seed=n) for name, n in (("train", 960), ("validation", 60), ("test", 60))}
    names = ("left", "middle", "right")
    write_dataset(tmp_path / "larger", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
    return open_dataset(tmp_path / "larger")


def broken(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let the engine build networks with a fault."""

    def build(*args, **kwargs) -> nn.Module:
        net = models.build(*args, **kwargs)
        with torch.no_grad():
            change(net)
        return net

    monkeypatch.setattr(engine, "build", build)


def test_a_far_too_high_rate_is_named_in_its_first_epoch(small_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="in epoch 1") as caught:
        fit(small_dataset, tmp_path / "w", optimizer="sgd", learning_rate=1e6)
    assert "1e+06" in caught.value.remedy


def test_a_loss_that_is_no_number_is_named(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, lambda net: net[0].weight.fill_(math.nan))
    with pytest.raises(TrainingFailed, match="training loss became nan in epoch 1"):
        fit(small_dataset, tmp_path / "w")


@pytest.mark.slow
def test_units_that_are_never_active_are_named(
    larger: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, lambda net: net[0].bias.fill_(-100))
    with pytest.raises(TrainingFailed, match=r"dead gradients in epoch 2: those of all weights .*'0.weight'"):
        fit(larger, tmp_path / "w")


@pytest.mark.slow
def test_a_training_that_was_interrupted_fails_at_the_same_step(
    larger: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units are dead from the beginning; looks are at the steps 50 and 100, of which the second epoch has 60."""
    broken(monkeypatch, lambda net: net[0].bias.fill_(-100))
    chosen = candidate()
    contract = contract_for(chosen, larger.manifest)
    messages = []
    for stops in ((), (30,), (55,), (60,), (40, 30)):
        taken: list[int] = []
        work = tmp_path / f"after-{stops}"

        def stop(taken: list[int] = taken) -> bool:
            taken.append(1)
            return False

        for steps in stops:
            with pytest.raises(TrainingStopped):
                train(chosen, larger, contract, work=work, stop=stop_after(steps))
        with pytest.raises(TrainingFailed) as caught:
            train(chosen, larger, contract, work=work, stop=stop)
        messages.append((sum(stops) + len(taken), caught.value.message))
    assert set(messages) == {(100, messages[0][1])}


def test_a_gradient_that_is_zero_once_is_no_fault() -> None:
    net, health = nn.Linear(2, 2), Health()
    net.weight.grad = torch.zeros(2, 2)
    for step in (50, 90, 99):
        health.look(net, 2.0, step=step, epoch=1, classes=10, rate=0.1)
    assert health.idle == {"weight": 1}
    net.weight.grad = torch.ones(2, 2)
    health.look(net, 2.0, step=100, epoch=1, classes=10, rate=0.1)
    assert health.idle == {}


@pytest.mark.slow
def test_labels_without_meaning_are_named_before_the_end(larger: Dataset, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    splits = {name: (split.images, rng.permutation(split.labels)) for name, split in larger.splits.items()}
    names = larger.manifest.class_names
    write_dataset(tmp_path / "shuffled", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
    chosen, epochs = candidate(epochs=20, learning_rate=1e-5), []
    dataset = open_dataset(tmp_path / "shuffled")

    def on_epoch(record: EpochRecord) -> None:
        epochs.append(record.epoch)

    contract = contract_for(chosen, dataset.manifest)
    with pytest.raises(TrainingFailed, match="at chance level after epoch 4") as caught:
        train(chosen, dataset, contract, work=tmp_path / "w", on_epoch=on_epoch)
    assert epochs == [1, 2, 3]  # of 60 steps
    assert "labels belong to the images" in caught.value.remedy


@pytest.mark.slow
def test_a_slow_start_with_many_classes_is_no_fault(tmp_path: Path) -> None:
    """200 classes of five images each, and a rate that rises for the first quarter."""
    rng = np.random.default_rng(0)
    looks = rng.integers(0, 256, (200, 8, 8, 3))
    splits = {}
    for name, each in (("train", 5), ("validation", 2), ("test", 1)):
        labels = np.repeat(np.arange(200), each)
        images = np.clip(looks[labels] + rng.normal(0, 30, (len(labels), 8, 8, 3)), 0, 255).astype(np.uint8)
        splits[name] = (images, labels)
    names = [f"class{i}" for i in range(200)]
    write_dataset(tmp_path / "d", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
    rise = {"epochs": 16, "schedule": "one_cycle", "learning_rate": 0.02}
    bundle = fit(open_dataset(tmp_path / "d"), tmp_path / "w", "blocks", batch_size=32, **rise)
    first, last = bundle.summary.history[0], bundle.summary.history[-1]
    assert first.train_accuracy < 0.02
    assert last.validation_accuracy > 0.1


@pytest.mark.slow
def test_few_images_in_big_batches_are_given_time(small_dataset: Dataset, tmp_path: Path) -> None:
    """Two steps an epoch, at a rate so low that many are needed."""
    slow = {"epochs": 60, "batch_size": 64, "learning_rate": 0.0001}
    history = fit(small_dataset, tmp_path / "w", "simple", **slow).summary.history
    assert history[1].train_accuracy < 0.5
    assert history[-1].validation_accuracy > 0.9


class TestRules:
    net = nn.Linear(2, 2)

    def look(self, health: Health, loss: float) -> None:
        health.look(self.net, loss, step=100, epoch=3, classes=10, rate=0.1)

    def test_a_loss_that_rises_far_above_guessing_after_it_was_better(self) -> None:
        health = Health()
        for loss in (2.3, 1.0, 3.0, 7.0, 0.9):
            self.look(health, loss)
        with pytest.raises(TrainingFailed, match=r"exploded to 7\.5 in epoch 3; it had been 0\.9"):
            self.look(health, 7.5)

    def test_a_high_loss_at_the_beginning_is_no_fault(self) -> None:
        health = Health()
        for loss in (20.0, 8.0, 2.5):
            self.look(health, loss)
        with pytest.raises(TrainingFailed, match=r"guessing evenly costs 2\.3"):
            self.look(health, 23.0)

    def test_a_network_that_knows_all_images_has_no_gradient_either(self) -> None:
        health = Health()
        self.net.weight.grad = torch.zeros(2, 2)
        for _ in range(5):
            self.look(health, 1e-9)
        assert health.idle == {}
        self.look(health, 2.0)
        with pytest.raises(TrainingFailed, match="those of all weights were zero at 2 looks, 50 steps apart"):
            self.look(health, 2.0)
        self.net.weight.grad = None

    @pytest.mark.parametrize(
        ("right", "loss", "fails"),
        [([100, 100], 0.70, True), ([200, 0], 0.693, True), ([160, 120], 0.70, False), ([200, 0], 0.60, False)],
    )
    def test_chance_level_is_told_by_recall_and_loss(self, right: list[int], loss: float, fails: bool) -> None:
        tally = torch.tensor([[200 - n, n] for n in right])
        health = Health()
        for done in (0.01, 0.05):
            health.finish_epoch(tally, loss, epoch=1, done=done, rate=0.1, rising=False, steps=120)  # too early to tell
        health.finish_epoch(tally, loss, epoch=4, done=1.0, rate=0.1, rising=False, steps=120)  # too late
        assert health.learned == (not fails)
        if fails:
            with pytest.raises(TrainingFailed, match="at chance level after epoch 3"):
                health.finish_epoch(tally, loss, epoch=3, done=0.2, rate=0.1, rising=False, steps=120)

    def test_a_few_steps_are_too_early_to_tell(self) -> None:
        tally, health = torch.tensor([[24, 24], [24, 24]]), Health()
        for epoch in range(1, 100):
            health.finish_epoch(tally, 0.7, epoch=epoch, done=0.5, rate=0.1, rising=False, steps=2)
        with pytest.raises(TrainingFailed, match="at chance level after epoch 100"):
            health.finish_epoch(tally, 0.7, epoch=100, done=0.5, rate=0.1, rising=False, steps=2)

    def test_a_warm_up_is_waited_for(self) -> None:
        tally, health = torch.tensor([[100, 100], [100, 100]]), Health()
        for epoch in range(5):
            health.finish_epoch(tally, 0.7, epoch=epoch, done=0.3, rate=0.1, rising=True, steps=120)
        health.finish_epoch(tally, 0.7, epoch=6, done=0.4, rate=0.1, rising=False, steps=120)
        with pytest.raises(TrainingFailed, match="at chance level after epoch 7"):
            health.finish_epoch(tally, 0.7, epoch=7, done=0.5, rate=0.1, rising=False, steps=120)

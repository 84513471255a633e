"""Validation while a network is trained: how often, with which views, in which precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from podium.data import Dataset
from podium.errors import TrainingStopped
from podium.models.contracts import contract_for
from podium.training import build_from_bundle, predict_probabilities, session, train
from podium.training.assess import Figures, assess
from podium.training.execution import Execution, Precision, Runner
from podium.training.feed import Resident
from podium.training.inputs import Normalizer
from podium.training.job import OnEpoch

from ..models.helpers import contract
from .helpers import candidate
from .test_stopping import stop_after

CPU = torch.device("cpu")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether all views were looked at, of each look."""
    found: list[bool] = []

    def counted(*args: Any, views: bool, **kwargs: Any) -> Figures:
        found.append(views)
        return assess(*args, views=views, **kwargs)

    monkeypatch.setattr(session, "assess", counted)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        ("simple", {}, [False] * 3),
        ("simple", {"early_stopping": {}}, [True] * 3),
        ("blocks", {"averaging": {"decay": 0.5}}, [False] * 3),
        ("speed", {}, [False, False, False, True]),
        ("speed", {"early_stopping": {}}, [True] * 3),
    ],
)
def test_the_same_weights_are_looked_at_once(
    model: str,
    settings: dict[str, Any],
    expected: list[bool],
    looks: list[bool],
    small_dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "check_learned", lambda *_: None)  # mirrored, left is right
    chosen = candidate(model, epochs=3, learning_rate=0.01, **settings)
    bundle = train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=tmp_path / "w")
    assert looks == expected
    split = small_dataset["validation"]
    predicted = predict_probabilities(build_from_bundle(bundle), split.images, bundle.contract).argmax(1)
    assert bundle.summary.validation_accuracy == pytest.approx((predicted == split.labels).mean())
    if model != "speed" or settings:
        best = bundle.summary.history[bundle.summary.best_epoch - 1]
        assert bundle.summary.validation_accuracy == best.validation_accuracy
        assert bundle.summary.validation_loss == best.validation_loss


@pytest.mark.slow
def test_what_was_looked_at_before_an_interruption_is_looked_at_again(
    looks: list[bool], small_dataset: Dataset, tmp_path: Path
) -> None:
    def killed(number: int) -> OnEpoch:
        def on_epoch(record: Any) -> None:
            if record.epoch == number:
                raise KeyboardInterrupt

        return on_epoch

    chosen = candidate(epochs=3, learning_rate=0.01, early_stopping={})
    expected = contract_for(chosen, small_dataset.manifest)
    whole = train(chosen, small_dataset, expected, work=tmp_path / "whole").summary
    with pytest.raises(TrainingStopped):
        train(chosen, small_dataset, expected, work=tmp_path / "w", stop=stop_after(14))
    with pytest.raises(KeyboardInterrupt):
        train(chosen, small_dataset, expected, work=tmp_path / "w", on_epoch=killed(3))
    looks.clear()
    summary = train(chosen, small_dataset, expected, work=tmp_path / "w").summary
    assert looks == [True]
    assert (summary.validation_loss, summary.validation_accuracy) == (whole.validation_loss, whole.validation_accuracy)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_runs_in_the_training_s_precision_and_uncompiled(precision: Precision, small_dataset: Dataset) -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append((torch.is_autocast_enabled("cpu"), self.training, torch.is_inference_mode_enabled()))
            return images.mean((2, 3))

    runner = Runner(Spy(), Execution(precision=precision, compiled=True), CPU, 30)
    feed = Resident(small_dataset["validation"], CPU)
    figures = assess(runner, feed, Normalizer.of(contract(), CPU), 3)
    assert seen == [(precision == "bfloat16", False, True)]
    assert int(figures.confusion.sum()) == 30

"""Podium's own kernels in a training: chosen where they are faster, and kept to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from podium import kernels
from podium.config import TrainerConfig
from podium.data import Dataset
from podium.errors import TrainingFailed, TrainingStopped
from podium.kernels import install
from podium.models.contracts import contract_for
from podium.training import execution, train, tuning
from podium.training.execution import Execution, Runner, fixed_execution
from podium.training.tuning import Measured, choose, tune

from .helpers import candidate, same
from .test_stopping import stop_after

CPU = torch.device("cpu")


class TestChoosing:
    def test_they_must_save_a_twentieth(self) -> None:
        trainer = TrainerConfig()
        assert choose(Measured(float32=1.0, kernels=0.9), trainer, 100, CPU) == Execution(kernels=True)
        assert choose(Measured(float32=1.0, kernels=0.96), trainer, 100, CPU) == Execution()
        assert choose(Measured(float32=1.0), trainer, 100, CPU) == Execution()

    def test_bfloat16_must_beat_them(self) -> None:
        slower, faster = (
            Measured(float32=1.0, kernels=0.5, bfloat16=0.6),
            Measured(float32=1, kernels=0.5, bfloat16=0.3),
        )
        assert choose(slower, TrainerConfig(), 100, CPU) == Execution(kernels=True)
        assert choose(faster, TrainerConfig(), 100, CPU) == Execution(precision="bfloat16")

    def test_compiled_code_must_beat_them(self) -> None:
        measured = Measured(float32=1.0, kernels=0.5, compiled=0.6, compiling=10)
        assert choose(measured, TrainerConfig(), 1000, CPU) == Execution(kernels=True)
        measured = Measured(float32=1.0, kernels=0.5, compiled=0.4, compiling=10)
        assert choose(measured, TrainerConfig(), 1000, CPU) == Execution(compiled=True)

    def test_what_the_recipe_says_holds(self) -> None:
        measured = Measured(float32=1.0, kernels=0.5, bfloat16=0.8)
        assert choose(measured, TrainerConfig(kernels="never"), 100, CPU) == Execution(precision="bfloat16")
        assert choose(Measured(float32=1.0, kernels=2.0), TrainerConfig(kernels="always"), 100, CPU).kernels
        assert choose(measured, TrainerConfig(compile="always", precision="float32"), 100, CPU) == Execution(
            compiled=True
        )
        decided = TrainerConfig(precision="float32", compile="never", kernels="always")
        assert fixed_execution(decided, CPU) == Execution(kernels=True)
        assert fixed_execution(decided, torch.device("cuda")) == Execution()
        assert fixed_execution(TrainerConfig(precision="float32", compile="never"), CPU) is None

    @pytest.mark.parametrize("other", [{"precision": "bfloat16"}, {"compile": "always"}])
    def test_what_cannot_go_together_is_refused(self, other: dict[str, str]) -> None:
        with pytest.raises(ValidationError, match="kernels always has no effect with"):
            TrainerConfig.model_validate({"kernels": "always", **other})


class TestMeasuring:
    @pytest.fixture
    def raced(self, monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
        """What was measured; with kernels a step takes half the time."""
        found: list[Execution] = []

        def race(runners: list[Runner], *_: object, **__: object) -> list[float]:
            found.extend(runner.execution for runner in runners)
            return [0.3 if runner.execution.kernels else 0.6 for runner in runners]

        monkeypatch.setattr(tuning, "_race", race)
        monkeypatch.setattr(tuning, "has_bfloat16", lambda _: False)
        monkeypatch.setattr(tuning, "why_not", lambda: None)
        monkeypatch.setattr(execution, "why_not", lambda: None)
        return found

    def tune(self, net: nn.Module, cache: Path | None = None, **trainer: str) -> Execution | None:
        sample = torch.zeros(2, 8, 4, 4), torch.zeros(2, dtype=torch.int64)
        config = TrainerConfig.model_validate({"batch_size": 2, "compile": "never", **trainer})
        install(net)
        return tune(net, sample, config, 500, key="k" * 64, cache=cache, stop=bool)

    def test_once_and_remembered(self, raced: list[Execution], tmp_path: Path) -> None:
        net = nn.Sequential(nn.Conv2d(8, 8, 3))
        assert self.tune(net, tmp_path) == Execution(kernels=True)
        assert Execution(kernels=True) in raced
        raced.clear()
        assert self.tune(net, tmp_path) == Execution(kernels=True)
        assert raced == []

    def test_not_on_a_machine_without_any_whatever_another_one_measured(
        self, raced: list[Execution], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        net = nn.Sequential(nn.Conv2d(8, 8, 3))
        assert self.tune(net, tmp_path) == Execution(kernels=True)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(tuning, "why_not", lambda: "there is no C compiler")
            assert self.tune(net, tmp_path) == Execution()
        raced.clear()
        assert self.tune(net, tmp_path) == Execution(kernels=True)
        assert raced == [], "what was measured is kept"

    @pytest.mark.parametrize("trainer", [{"kernels": "never"}, {"precision": "bfloat16"}])
    def test_not_where_the_recipe_excludes_them(self, trainer: dict[str, str], raced: list[Execution]) -> None:
        self.tune(nn.Sequential(nn.Conv2d(8, 8, 3)), **trainer)
        assert not any(execution.kernels for execution in raced)

    def test_not_where_no_layer_has_any(self, raced: list[Execution]) -> None:
        assert self.tune(nn.Sequential(nn.Conv2d(8, 8, 5))) == Execution()
        assert not any(execution.kernels for execution in raced)

    def test_not_where_there_are_none(
        self, raced: list[Execution], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        monkeypatch.setattr(tuning, "why_not", lambda: "there is no C compiler")
        assert self.tune(nn.Sequential(nn.Conv2d(8, 8, 3))) == Execution()
        assert "kernels are not tried: there is no C compiler" in caplog.text


def test_what_the_recipe_asks_for_and_cannot_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "why_not", lambda: "there is no C compiler")
    with pytest.raises(
        TrainingFailed, match="kernels cannot be used on this machine: there is no C compiler"
    ) as caught:
        Runner(nn.Linear(2, 2), Execution(kernels=True), CPU, 4)
    assert "never" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize("model", ["blocks", "resnet"])
def test_a_training_stops_and_goes_on_with_the_same_bits(model: str, small_dataset: Dataset, tmp_path: Path) -> None:
    if reason := kernels.why_not():
        pytest.skip(f"no kernels on this machine: {reason}")
    settings = {"precision": "float32", "compile": "never", "epochs": 3}
    chosen = candidate(model, **settings, kernels="always")
    contract = contract_for(chosen, small_dataset.manifest)
    whole = train(chosen, small_dataset, contract, work=tmp_path / "whole")
    with pytest.raises(TrainingStopped):
        train(chosen, small_dataset, contract, work=tmp_path / "w", stop=stop_after(7))
    assert same(whole, train(chosen, small_dataset, contract, work=tmp_path / "w"))
    assert whole.summary.kernels
    plain = train(candidate(model, **settings, kernels="never"), small_dataset, contract, work=tmp_path / "plain")
    assert not plain.summary.kernels
    assert not same(whole, plain)  # they were used
    assert whole.summary.history[0].train_loss == pytest.approx(plain.summary.history[0].train_loss, rel=1e-3)

"""In which precision a network is run, and whether compiled: what is chosen, kept and measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from podium.config import TrainerConfig
from podium.data import Dataset
from podium.errors import TrainingFailed, TrainingStopped
from podium.models import build
from podium.models.contracts import contract_for
from podium.models.layers import set_dropout_generator
from podium.training import train, tuning
from podium.training.execution import Execution, Precision, Runner, Settled, fixed_execution
from podium.training.tuning import Measured, choose, tune

from .helpers import MODELS, candidate, same
from .test_stopping import stop_after

CPU = torch.device("cpu")


class TestChoice:
    @pytest.mark.parametrize(
        ("measured", "chosen"),
        [
            (Measured(float32=1.0), Execution()),
            (Measured(float32=1.0, bfloat16=0.95), Execution()),
            (Measured(float32=1.0, bfloat16=0.5), Execution(precision="bfloat16")),
            (Measured(float32=1.0, compiled=0.8, compiling=19), Execution(compiled=True)),
            (Measured(float32=1.0, compiled=0.8, compiling=21), Execution()),
            (
                Measured(float32=1.0, bfloat16=0.5, compiled=0.4, compiling=9),
                Execution(precision="bfloat16", compiled=True),
            ),
            (Measured(float32=1.0, compiled=1.2, compiling=0), Execution()),
            (Measured(float32=1.0, compiles=False), Execution()),
        ],
    )
    def test_it_takes_the_least_time_over_100_steps(self, measured: Measured, chosen: Execution) -> None:
        assert choose(measured, TrainerConfig(), 100, CPU) == chosen

    def test_the_recipe_decides_what_it_names(self) -> None:
        measured = Measured(float32=1.0, bfloat16=0.1, compiled=0.05, compiling=0)
        assert choose(measured, TrainerConfig(precision="float32"), 100, CPU) == Execution(compiled=True)
        assert choose(measured, TrainerConfig(compile="never"), 100, CPU) == Execution(precision="bfloat16")
        assert fixed_execution(TrainerConfig(precision="bfloat16", compile="always"), CPU) == Execution(
            precision="bfloat16", compiled=True
        )
        assert fixed_execution(TrainerConfig(precision="bfloat16"), CPU) is None

    @pytest.mark.parametrize(("capable", "precision"), [(True, "bfloat16"), (False, "float32")])
    def test_a_gpu_takes_bfloat16_unmeasured(
        self, capable: bool, precision: Precision, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0) if capable else (7, 5))
        gpu = torch.device("cuda")
        assert choose(Measured(float32=0.01), TrainerConfig(), 100, gpu) == Execution(precision=precision)
        assert choose(Measured(float32=0.01), TrainerConfig(precision="float32"), 100, gpu) == Execution()
        slower = Measured(float32=1.0, bfloat16=1.1)
        assert choose(slower, TrainerConfig(), 100, gpu) == Execution()


class TestMeasuring:
    @pytest.fixture
    def speeds(self, monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
        """What was measured; bfloat16 is given as twice as fast, compiled code as three times, compiled in 30 s."""
        raced: list[Execution] = []

        def race(runners: list[Runner], *_: object, **__: object) -> list[float]:
            raced.extend(runner.execution for runner in runners)
            cost = {"float32": 0.6, "bfloat16": 0.3}
            return [cost[r.execution.precision] / (3 if r.execution.compiled else 1) for r in runners]

        monkeypatch.setattr(tuning, "_race", race)
        monkeypatch.setattr(tuning, "_steps", lambda *_: 0.0)
        monkeypatch.setattr(tuning, "has_bfloat16", lambda _: True)
        monkeypatch.setattr(tuning, "has_compiler", lambda _: True)
        return raced

    def tune(self, steps: int, cache: Path | None, **trainer: str) -> Execution | None:
        sample = torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64)
        config = TrainerConfig.model_validate({"batch_size": 2, **trainer})
        return tune(nn.Linear(1, 1), sample, config, steps, key="k" * 64, cache=cache, stop=bool)

    def test_a_short_training_is_run_as_it_is(self, speeds: list[Execution]) -> None:
        assert self.tune(99, None) == Execution()
        assert speeds == [Execution()]

    def test_compiling_is_not_tried_where_it_cannot_pay(self, speeds: list[Execution]) -> None:
        assert self.tune(500, None) == Execution(precision="bfloat16")
        assert not any(execution.compiled for execution in speeds)

    def test_a_long_training_is_measured_once(self, speeds: list[Execution], tmp_path: Path) -> None:
        best = Execution(precision="bfloat16", compiled=True)
        assert self.tune(10_000, tmp_path) == best
        assert best in speeds
        speeds.clear()
        assert self.tune(10_000, tmp_path) == best
        assert speeds == []
        short = self.tune(10, tmp_path)
        assert short
        assert short.precision == "bfloat16"

    def test_what_the_recipe_names_is_not_measured(self, speeds: list[Execution]) -> None:
        assert self.tune(500, None, precision="float32") == Execution()
        assert not any(execution.precision == "bfloat16" for execution in speeds)

    def test_a_failed_compilation_is_logged_and_remembered(
        self, speeds: list[Execution], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise TrainingFailed("the network cannot be compiled: no header")

        monkeypatch.setattr(tuning, "_steps", fail)
        assert self.tune(10_000, tmp_path) == Execution(precision="bfloat16")
        assert "no header; it is run uncompiled" in caplog.text
        monkeypatch.setattr(tuning, "_steps", None)
        assert self.tune(10_000, tmp_path) == Execution(precision="bfloat16")

    def test_a_compilation_without_memory_is_tried_again_by_the_next_training(
        self, speeds: list[Execution], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

        with monkeypatch.context() as patched:
            patched.setattr(tuning, "_steps", fail)
            assert self.tune(10_000, tmp_path) == Execution(precision="bfloat16")
        assert "no memory left" in caplog.text
        assert self.tune(10_000, tmp_path) == Execution(precision="bfloat16", compiled=True)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_compiler_is_looked_for_in_a_fresh_process(device: str) -> None:
    """Here much of torch has been imported by others."""
    script = f"import torch; from podium.training import tuning; print(tuning.has_compiler(torch.device({device!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout in ("True\n", "False\n"), done.stderr


def test_measuring_leaves_the_network_and_its_generator_as_they_were(small_dataset: Dataset) -> None:
    chosen = candidate("blocks")
    net = build(MODELS["blocks"], contract_for(chosen, small_dataset.manifest), seed=1)
    generator = torch.Generator().manual_seed(5)
    set_dropout_generator(net, generator)
    before, drawn = {name: value.clone() for name, value in net.state_dict().items()}, generator.get_state()
    sample = torch.rand(16, 3, 32, 32), torch.zeros(16, dtype=torch.int64)
    tune(net, sample, chosen.trainer, 10, key="k", cache=None, stop=bool)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(generator.get_state(), drawn)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.slow
def test_bfloat16_trains_and_is_told(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = candidate("blocks", epochs=6, learning_rate=0.01, precision="bfloat16", compile="never")
    contract = contract_for(chosen, small_dataset.manifest)
    bundle = train(chosen, small_dataset, contract, work=tmp_path / "w")
    assert (bundle.summary.precision, bundle.summary.compiled) == ("bfloat16", False)
    assert bundle.summary.history[-1].validation_accuracy > 0.8
    assert all(value.dtype != torch.bfloat16 for value in bundle.state.values())


@pytest.mark.slow
def test_a_resumed_training_keeps_its_execution(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = candidate("blocks", epochs=3)
    contract = contract_for(chosen, small_dataset.manifest)
    whole = train(chosen, small_dataset, contract, work=tmp_path / "whole")
    work, cache = tmp_path / "work", tmp_path / "tuning"
    with pytest.raises(TrainingStopped):
        train(chosen, small_dataset, contract, work=work, stop=stop_after(8), tuning=cache)
    assert json.loads((work / "execution.json").read_text())["execution"] == Execution().model_dump()
    assert [file.suffix for file in cache.glob("*.json")] == [".json"]
    monkeypatch.setattr(tuning, "_measure", None)
    resumed = train(chosen, small_dataset, contract, work=work, tuning=cache)
    assert same(whole, resumed)
    assert Settled.load(work, "another") is None


@pytest.mark.slow
def test_a_compiled_network_trains_stops_and_goes_on_with_the_same_bits(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = candidate("blocks", epochs=4, learning_rate=0.01, precision="float32", compile="always", batch_size=20)
    contract = contract_for(chosen, small_dataset.manifest)
    whole = train(chosen, small_dataset, contract, work=tmp_path / "whole")
    with pytest.raises(TrainingStopped):
        train(chosen, small_dataset, contract, work=tmp_path / "w", stop=stop_after(7))
    resumed = train(chosen, small_dataset, contract, work=tmp_path / "w")
    assert whole.summary.compiled
    assert same(whole, resumed)


def test_a_network_that_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler found\nmore")

    monkeypatch.setattr(torch, "compile", refuse)
    runner = Runner(nn.Linear(2, 2), Execution(compiled=True), CPU, 4)
    images: Tensor = torch.zeros(4, 2)
    with pytest.raises(TrainingFailed, match=r"cannot be compiled: RuntimeError: no compiler found\n") as caught:
        runner(images)
    assert "never" in caught.value.remedy
    assert runner(images[:3]).shape == (3, 2)  # a smaller batch is run as it is


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_memory_that_runs_out_is_no_fault_of_the_compiler(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch, "compile", lambda *_, **__: compiled)
    runner = Runner(nn.Linear(2, 2), Execution(compiled=True), CPU, 4)
    for _ in range(2):
        with pytest.raises(type(error)):
            runner(torch.zeros(4, 2))


def test_an_error_without_words_is_named_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(torch, "compile", refuse)
    runner = Runner(nn.Linear(2, 2), Execution(compiled=True), CPU, 4)
    with pytest.raises(TrainingFailed, match="NotImplementedError: no reason is given"):
        runner(torch.zeros(4, 2))

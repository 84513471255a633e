"""The stages where candidates fail: the others are saved and evaluated, and who failed is named."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from podium import stages
from podium.config import Candidate, RunConfig
from podium.data import Dataset
from podium.errors import PodiumError, RegistryError, TrainingFailed
from podium.settings import Settings
from podium.stages import evaluate_all, train_all
from tests.training.helpers import MODELS

GOOD = {"recipe": "tiny", "name": "good"}
WORSE = {"recipe": "tiny", "name": "fair", "seed": 7}
HASTY = {"recipe": "tiny", "name": "hasty", "trainer": {"optimizer": "sgd", "learning_rate": 1e6}}
FILE = "parameters: {config: {name: x, registry: {model: x}, threads: 1, candidates: CANDIDATES}}\n"


@pytest.fixture
def settings(small_dataset: Dataset, tmp_path: Path) -> Settings:
    recipe = {
        "id": "tiny",
        "source": "tests",
        "model": MODELS["simple"].model_dump(mode="json"),
        "trainer": {"epochs": 4, "batch_size": 16, "learning_rate": 0.003},
    }
    folder = tmp_path / "configs" / "recipes"
    folder.mkdir(parents=True)
    (folder / "tiny.yaml").write_text(json.dumps(recipe))
    return Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_STATE": str(tmp_path / "state")})


def config(*candidates: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(
        {"name": "x", "candidates": candidates, "threads": 1, "registry": {"model": "x"}, "data": {"path": "data"}}
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_one_that_fails_costs_the_others_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", screen)
    models, out = settings.root / "models", settings.root / "out"
    trained = train_all(config(HASTY, GOOD), settings, models)
    assert list(trained.summaries) == ["good"]
    assert list(trained.failures) == ["hasty"]
    failure = trained.failures["hasty"]
    assert "loss" in failure.cause
    assert "learning rate" in failure.remedy
    assert sorted(entry.name for entry in models.iterdir()) == ["failures.json", "good"]
    recorded = json.loads((models / "failures.json").read_text())["failures"]["hasty"]
    assert (recorded["cause"], recorded["remedy"]) == (failure.cause, failure.remedy)
    lines = screen.getvalue().splitlines()
    assert sum(line.startswith("good: epoch ") and "validation" in line for line in lines) == 4
    assert {"good: done", f"hasty: failed: {failure.cause}"} <= set(lines)
    assert not list(settings.work.glob("dvc-*")), "nothing is left of what has ended"

    assert evaluate_all(config(HASTY, GOOD), settings, models, out) == trained.failures
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["selected"] == "good"
    assert list(figures["candidates"]) == ["good"]
    assert figures["failed"] == {"hasty": failure.cause}

    slower = {**HASTY, "trainer": {"learning_rate": 0.004}}
    with pytest.raises(PodiumError, match="there is no model of hasty"):
        evaluate_all(config(slower, GOOD), settings, models, out)
    assert train_all(config(slower, GOOD), settings, models).failures == {}
    assert sorted(entry.name for entry in models.iterdir()) == ["good", "hasty"]
    evaluate_all(config(slower, GOOD), settings, models, out)
    assert json.loads((out / "metrics.json").read_text())["failed"] == {}


@pytest.mark.slow
def test_several_seeds_of_one_candidate_are_told_side_by_side(settings: Settings) -> None:
    models, out = settings.root / "models", settings.root / "out"
    run = config({**GOOD, "seeds": [3, 7]})
    assert list(train_all(run, settings, models).summaries) == ["good_seed3", "good_seed7"]
    evaluate_all(run, settings, models, out)
    figures = json.loads((out / "metrics.json").read_text())
    values = [one["validation"]["accuracy"] for one in figures["candidates"].values()]
    spread = {"mean": pytest.approx(sum(values) / 2), "sd": pytest.approx(abs(values[0] - values[1]) / 2**0.5)}
    expected = {"branches": ["good_seed3", "good_seed7"], "validation_accuracy": {**spread, "count": 2}}
    assert figures["seeds"] == {"good": expected}


@pytest.mark.slow
def test_where_all_fail_nothing_is_replaced_and_nothing_old_is_evaluated(settings: Settings) -> None:
    models, out = settings.root / "models", settings.root / "out"
    train_all(config(GOOD), settings, models)
    before = files(models)
    broken = config({**HASTY, "name": "good"}, HASTY)
    with pytest.raises(TrainingFailed) as caught:
        train_all(broken, settings, models)
    assert caught.value.message.startswith("all 2 candidates failed:\n  good: ")
    assert "\n  hasty: " in caught.value.message
    assert caught.value.message.count("\n    → lower the learning rate") == 2
    assert caught.value.exit_code == 1
    assert files(models) == before
    with pytest.raises(PodiumError, match="good: it was trained from another configuration") as refused:
        evaluate_all(config({**HASTY, "name": "good"}), settings, models, out)
    assert "podium train" in refused.value.remedy
    assert not out.exists()


@pytest.mark.slow
def test_what_a_full_disk_has_ended_is_tried_again_and_the_others_are_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, calls = settings.root / "models", list[str]()
    real = stages.train

    def train(candidate: Candidate, *arguments: Any, **more: Any) -> Any:
        def on_epoch(record: Any) -> None:
            calls.append(candidate.name)
            if candidate.name == "fair" and full:
                raise OSError(28, "No space left on device")

        return real(candidate, *arguments, **{**more, "on_epoch": on_epoch})

    full = True
    monkeypatch.setattr(stages, "train", train)
    with pytest.raises(TrainingFailed, match="1 of 2 candidates failed, not all by themselves") as caught:
        train_all(config(GOOD, WORSE), settings, models)
    assert "No space left on device" in caught.value.message
    assert sorted(entry.name for entry in models.iterdir()) == ["failures.json", "good"]
    full = False
    calls.clear()
    assert list(train_all(config(GOOD, WORSE), settings, models).summaries) == ["good", "fair"]
    assert set(calls) == {"fair"}
    assert sorted(entry.name for entry in models.iterdir()) == ["fair", "good"]


@pytest.mark.slow
def test_the_commands_name_who_failed_and_where_the_others_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from podium.cli import stages as commands

    monkeypatch.setenv("PODIUM_ROOT", str(settings.root))
    monkeypatch.setenv("PODIUM_STATE", str(settings.root / "state"))
    monkeypatch.chdir(settings.root)
    Path("run.yaml").write_text(FILE.replace("CANDIDATES", json.dumps([HASTY, GOOD])))
    commands.train(Path("run.yaml"), Path("models"))
    printed = capfd.readouterr()
    (line,) = printed.out.splitlines()
    assert line.startswith("good: validation accuracy ")
    assert line.endswith(", saved in models/good")
    for text in ("hasty failed: ", "\n  → lower the learning rate (now 1e+06)", "recorded in models/failures.json"):
        assert text in printed.err
    commands.evaluate(Path("run.yaml"), Path("models"), Path("out"))
    printed = capfd.readouterr()
    assert "hasty failed: " in printed.err
    assert "1 candidate failed: left out of the comparison; out/metrics.json names who failed" in printed.err


def test_a_damaged_record_of_failures_is_refused(settings: Settings) -> None:
    models = settings.root / "models"
    models.mkdir()
    (models / "failures.json").write_text('{"failures": {"hasty": {"cause": 1}}}')
    with pytest.raises(RegistryError, match=r"failures\.json"):
        evaluate_all(config(HASTY, GOOD), settings, models, settings.root / "out")

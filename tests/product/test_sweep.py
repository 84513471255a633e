"""A sweep as a user runs it: killed, stopped, gone on with, and never looking at the test split."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from podium.models.recipes import recipe_header
from tests.product.prepared import Prepared
from tests.product.workspace import Workspace
from tests.sweeps.made import poison_test_split

pytestmark = pytest.mark.slow

SWEEP = """
parameters:
  config:
    name: small
    recipe: simple_cnn
    trainer: {epochs: 4, batch_size: 32}
    space:
      trainer.learning_rate: {low: 1e-4, high: 1e-2, log: true}
      model.options.dense: {low: 16, high: 128}
    trials: 4
    parallel: 2
    threads: 1
    sampler: {startup: 2}
    pruner: {startup: 1, warm_up: 2}
"""
RUN = ("podium", "run", "configs/small.yaml", "--pipeline", "pipelines.sweep.sweep_pipeline")


@pytest.fixture
def poisoned(untouched: Workspace) -> Workspace:
    """A workspace with a sweep, and a data set whose test split nobody can read."""
    poison_test_split(untouched.root / "data")
    (untouched.root / "configs" / "small.yaml").write_text(SWEEP)
    return untouched


def end_at(workspace: Workspace, pattern: str, number: int) -> tuple[str, int]:
    """Start the sweep and send a signal once a line matches. Returns what was printed, and the exit status."""
    process = workspace.start(*RUN)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            (os.killpg if number == signal.SIGKILL else os.kill)(process.pid, number)
            break
    lines.append(process.stdout.read())
    process.stdout.close()
    return "".join(lines), process.wait(60)


def decisive(document: Any) -> list[Any]:
    """What must not depend on interruptions."""
    return [{key: trial[key] for key in ("values", "status", "value", "curve")} for trial in document["trials"]]


def test_a_sweep_that_is_killed_and_stopped_gives_what_an_uninterrupted_one_gives(
    poisoned: Workspace, stock: Prepared
) -> None:
    stock.begin(poisoned.state)
    _, status = end_at(poisoned, r"small_002: epoch 1", signal.SIGKILL)
    assert status == -signal.SIGKILL
    shown = poisoned.json("sweep", "show", "small")
    assert [trial["number"] for trial in shown["trials"]] == [0, 1], "the finished round is on record"
    printed, status = end_at(poisoned, r"small_00[23]: epoch 2", signal.SIGTERM)
    assert status == 75, printed
    assert "run the same command again" in printed
    assert "small_000: epoch" not in printed, "finished trials are not repeated"
    printed = poisoned.call(*RUN)
    assert "4 trials" in printed
    assert "Traceback" not in printed
    document = poisoned.json("sweep", "show")
    assert document["best"] is not None
    assert document["trials"][0]["own"]
    assert {trial["status"] for trial in document["trials"]} <= {"completed", "pruned"}
    assert poisoned.leftovers() == []
    check_tracking(poisoned, document)

    whole = str(poisoned.root / "whole")
    stock.begin(Path(whole))
    poisoned.call(*RUN, PODIUM_STATE=whole)
    other = json.loads(poisoned.call("podium", "sweep", "show", "--json", PODIUM_STATE=whole))
    assert decisive(other) == decisive(document)

    recipes = poisoned.root / "configs" / "recipes"
    poisoned.call("podium", "sweep", "show", "--save", "configs/recipes/small_best.yaml")
    assert "the best of 4 trials" in recipe_header("small_best", recipes)["result"]
    assert "small_best" in poisoned.call("podium", "recipes", "list")


def test_zenml_itself_runs_a_sweep_whose_failed_trial_stops_nobody(poisoned: Workspace) -> None:
    file = poisoned.root / "configs" / "small.yaml"
    text = SWEEP[: SWEEP.index("    space:")].replace("batch_size: 32", "batch_size: 32, optimizer: sgd")
    file.write_text(text + "    space: {trainer.learning_rate: {choices: [0.01, 1e6]}}\n    trials: 2\n")
    own = {"ZENML_CONFIG_PATH": str(poisoned.root / "mine"), "ZENML_ANALYTICS_OPT_IN": "false"}
    command = ("zenml", "pipeline", "run", "pipelines.sweep.sweep_pipeline", "-c", "configs/small.yaml")
    printed = poisoned.call(*command, **own)
    assert "Traceback" not in printed
    assert not (poisoned.state / "zenml").exists()
    trials = {trial["values"]["trainer.learning_rate"]: trial for trial in poisoned.json("sweep", "show")["trials"]}
    assert trials[0.01]["status"] == "completed"
    assert trials[1e6]["status"] == "failed"
    assert trials[1e6]["cause"] in printed.replace("\n", " ")
    assert f"  → {trials[1e6]['remedy']}" in printed
    file.write_text(file.read_text().replace("1e6]", "1e6, 0]").replace("trials: 2", "trials: 3"))
    refused = poisoned.call(*command, expect=2, **own)
    assert "space.trainer.learning_rate.choices.2: input should be greater than 0" in refused
    assert "Traceback" not in refused


def check_tracking(workspace: Workspace, document: Any) -> None:
    """The MLflow run of each trial is closed as the trial ended, with its parameters and tags."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{workspace.state / 'mlflow.db'}")
    runs = {run.info.run_id: run for run in client.search_runs([client.get_experiment_by_name("podium").experiment_id])}
    stopped = runs.keys() - {trial["mlflow_run"] for trial in document["trials"]}
    assert all("stopped" in runs[run].data.tags["podium.cause"] for run in stopped)
    for trial in document["trials"]:
        run = runs[trial["mlflow_run"]]
        assert run.info.status == {"completed": "FINISHED", "pruned": "KILLED"}[trial["status"]]
        assert (run.data.tags["podium.sweep"], run.data.tags["podium.trial"]) == ("small", str(trial["number"]))
        rate = float(run.data.params["recipe.trainer.learning_rate"])
        assert rate == trial["values"]["trainer.learning_rate"]
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "validation_accuracy")]
        assert steps == list(range(1, trial["epochs"] + 1))

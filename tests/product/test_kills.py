"""SIGKILL in every step: the next run finishes the job, and nothing half-written or doubled stays."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from podium.orchestration.environment import isolated_environment
from podium.orchestration.strict import TRAINING_STEPS
from podium.results import TrainingSummary
from podium.settings import Settings
from tests.product.prepared import Prepared
from tests.product.warm import Forks, Started, Warm, forking
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

RUN = ("podium", "run", "configs/tiny.yaml")
REACHED = tuple(step for step in TRAINING_STEPS if step not in ("evaluate_champion", "set_aside"))
"""By a first run; it has no champion to evaluate, and registers its winner."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, stock: Prepared) -> Workspace:
    """A workspace of several tests, each of which trains for another number of epochs: that is another training."""
    made = stock.workspace(tmp_path_factory.mktemp("kills") / "checkout")
    stock.begin(made.state)
    return made


@pytest.fixture
def forks() -> Iterator[Forks]:
    with forking() as made:
        yield made


def longer(workspace: Workspace, epochs: int) -> tuple[str, ...]:
    """Forget unfinished trainings; return the command that trains for so many epochs."""
    shutil.rmtree(workspace.state / "work", ignore_errors=True)
    text = (workspace.root / "configs" / "tiny.yaml").read_text().replace("epochs: 2", f"epochs: {epochs}")
    (workspace.root / "configs" / f"epochs_{epochs}.yaml").write_text(text)
    return ("podium", "run", f"configs/epochs_{epochs}.yaml")


def kill_when(process: subprocess.Popen[str] | Started, pattern: str, delay: float = 0.0) -> bool:
    """Kill a run's whole process group once a line matches. Returns False, and prints the run's lines, if none did."""
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if re.search(pattern, re.sub(r"\x1b\[[0-9;]*m", "", line)):
                time.sleep(delay)
                os.killpg(process.pid, signal.SIGKILL)
                return True
        print("".join(lines))  # noqa: T201 (pytest shows it where the test fails)
        return False
    finally:
        process.wait()
        process.stdout.close()


def test_a_kill_in_each_step_and_then_a_run_to_the_end(workspace: Workspace, forks: Forks) -> None:
    invocations = {"train": "train_cnn_3block", "evaluate_validation": "evaluate_", "evaluate_test": "test_"}
    command = ("runner", "pipelines.training.training_pipeline", "configs/tiny.yaml")
    warm = Warm(workspace, forks)
    for step in REACHED:
        name = invocations.get(step, step)
        assert kill_when(warm.start(*command), rf"Step {name}\S* has started"), f"the run never reached {step}"
    run = warm.start(*command)
    assert kill_when(run, "Step register has started", delay=0.2), "the run never reached the registry's writes"
    printed = workspace.call(*RUN)
    assert "awaiting a decision" in printed
    board = workspace.json("leaderboard")
    assert [row["status"] for row in board["candidates"]] == ["completed", "completed"]
    assert board["version"] == 1
    reviews = workspace.json("review", "list", "--all")["reviews"]
    assert [review["id"] for review in reviews] == ["tiny-1"]
    assert workspace.leftovers() == []
    assert workspace.call("podium", "review", "audit")
    check_registry(workspace)
    workspace.call("podium", "review", "approve", "tiny-1", "--reason", "tests")
    (workspace.root / "configs" / "other.yaml").write_text(
        (workspace.root / "configs" / "tiny.yaml").read_text().replace("name: tiny\n", "name: tiny\n    seed: 7\n")
    )
    again = ("podium", "run", "configs/other.yaml")
    for step in ("evaluate_champion", "gate", "dossier"):
        run = warm.start(*command[:2], again[-1])
        assert kill_when(run, rf"Step {step}\S* has started"), f"the run never reached {step}"
    workspace.call(*again)
    newest = workspace.json("review", "list", "--all")["reviews"][0]
    assert (newest["id"], newest["renewed"]) == ("tiny-2", None)
    assert workspace.json("review", "audit")["findings"] == []


def test_a_kill_amid_training_goes_on_from_the_checkpoint(shared: Workspace) -> None:
    run = longer(shared, 6)
    assert kill_when(shared.start(*run), r"cnn_3block: epoch 3")
    assert list((shared.state / "work").glob("*")), "no checkpoint was written before the kill"
    shared.call(*run)
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{shared.state / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("podium").experiment_id
    runs = client.search_runs([experiment], "params.`recipe.trainer.epochs` = '6'")
    assert sorted(run.data.tags["podium.candidate"] for run in runs) == ["cnn_3block", "simple_cnn"]
    for run in runs:
        assert run.info.status == "FINISHED"
        told = client.get_metric_history(run.info.run_id, "validation_accuracy")
        # By their time: an epoch whose process was killed before it could tell MLflow is told at the end.
        assert sorted(metric.step for metric in told) == [1, 2, 3, 4, 5, 6]
    summaries = [TrainingSummary.model_validate_json(p.read_text()) for p in shared.state.rglob("training.json")]
    assert any(summary.resumed_from is not None and summary.resumed_from >= 3 for summary in summaries)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes started here heed Ctrl-C, also where a shell's background job would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_ctrl_c_and_sigterm_stop_at_once_and_the_next_run_goes_on(number: int, status: int, shared: Workspace) -> None:
    process = shared.start(*longer(shared, 200 + number))
    assert process.stdout is not None
    for line in process.stdout:
        if "cnn_3block: epoch 1" in line:
            break
    os.kill(process.pid, number)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == status, rest
    assert "Traceback" not in rest
    assert "run the same command again" in rest
    assert "cnn_3block: epoch 20:" not in rest
    assert list(shared.state.glob("work/*/checkpoint.safetensors"))


def check_registry(workspace: Workspace) -> None:
    """One version, whole, and no run that seems to go on."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{workspace.state / 'mlflow.db'}")
    versions = client.search_model_versions("name = 'tiny'")
    assert [int(version.version) for version in versions] == [1]
    runs = client.search_runs([client.get_experiment_by_name("podium").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    code = (
        "from zenml.client import Client; from collections import Counter\n"
        "print(sorted(Counter(str(r.status) for r in Client().list_pipeline_runs(size=100).items).items()))"
    )
    environment = isolated_environment(Settings.from_environment({"PODIUM_ROOT": str(workspace.root)}))
    states = ast.literal_eval(workspace.call("python", "-c", code, **environment).splitlines()[-1])
    assert states == [("completed", 1), ("failed", len(REACHED) + 1)]

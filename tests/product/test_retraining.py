"""Retraining as a schedule calls it: it trains for a change, and asks for a decision."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

FILE = "configs/again.yaml"
CONFIG: dict[str, Any] = {
    "name": "again",
    "trainer": {"epochs": 1, "augment": {"flip": False, "rotation": 5}},
    "candidates": ["simple_cnn"],
    "registry": {"model": "tiny", "onnx": False},
    "retraining": {"watch": ["data", "config"]},
}


def write(workspace: Workspace, **changes: Any) -> None:
    text = yaml.safe_dump({"parameters": {"config": {**CONFIG, **changes}}})
    (workspace.root / FILE).write_text(text)


def started_from(workspace: Workspace, version: int) -> list[str]:
    """The candidates that were trained from a version's weights, as MLflow has it."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{workspace.state / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("podium").experiment_id
    found = client.search_runs([experiment], f"params.`start.version` = '{version}'")
    return sorted(run.data.tags["podium.candidate"] for run in found)


def test_a_schedule_trains_for_changes_and_asks_for_decisions(workspace: Workspace) -> None:
    write(workspace)
    first = workspace.json("retrain", "run", FILE)
    assert (first["event"], first["count"]) == ("checked", 1), "after a training it is looked again"
    *_, ended, _ = workspace.json("retrain", "history", FILE)
    assert ended["event"] == "ended"
    assert ended["detail"]["review"] == "tiny-1"
    workspace.call("podium", "review", "approve", "tiny-1", "--reason", "the first", "--no-zenml")

    modules = "import sys; from podium.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    modules += "print({'zenml', 'mlflow', 'torch'} & set(sys.modules))"
    told = workspace.call("python", "-c", modules, "retrain", "run", FILE)
    assert "nothing to train: nothing has changed" in told
    assert told.endswith("set()\n"), "a look that finds nothing is cheap"

    (workspace.root / "configs" / "promotion.yaml").write_text("floors: {accuracy: 1.0}\n")
    told = workspace.call("podium", "retrain", "run", FILE)
    assert "another policy, which alone is not trained for" in told
    warm = {"watch": ["data", "config"], "start": "champion"}
    write(workspace, seed=1, trainer={**CONFIG["trainer"], "epochs": 3}, retraining=warm)
    told = workspace.call("podium", "retrain", "run", FILE)
    assert "another configuration, another policy" in told
    assert started_from(workspace, 1) == ["champion_simple_cnn", "simple_cnn"], "both have the champion's network"
    *_, ended, _ = workspace.json("retrain", "history", FILE)
    assert ended["detail"]["outcome"] == "blocked"
    assert any("accuracy" in reason for reason in ended["detail"]["questions"]), ended
    assert (ended["detail"]["version"], ended["detail"]["review"]) == (None, None)
    assert "The gate blocks the candidate: nothing is registered" in told
    assert workspace.json("review", "list")["reviews"] == [], (
        "a review is opened only where the gate lets the winner through"
    )
    board = workspace.json("leaderboard")
    assert (board["run"], board["version"]) == (ended["detail"]["run"], None)
    assert {row["recipe"] for row in board["candidates"]} == {"simple_cnn", "champion_simple_cnn"}
    workspace.call("podium", "review", "audit", "--no-zenml")
    assert "blocked (" in (workspace.state / "retraining" / "again.html").read_text()

    (workspace.root / "configs" / "promotion.yaml").write_text("decision: {quorum: 1}\n")
    forced = workspace.json("retrain", "run", FILE, "--force")
    assert forced["detail"]["kind"] == "unchanged", "looked again after the training"
    *_, ended, _ = workspace.json("retrain", "history", FILE)
    assert ended["detail"]["review"] == "tiny-2", "what was set aside is registered once the gate lets it through"
    assert workspace.json("leaderboard")["run"] == board["run"], "no model is trained anew for that"
    pages = list(workspace.state.glob("runs/*/dossier.json"))
    told = next(page.read_text() for page in pages if '"version":2' in page.read_text().replace(" ", ""))
    assert "version 1 of tiny" in told, "the dossier names what it started from"
    workspace.call("podium", "review", "audit", "--no-zenml")

"""From a blocked candidate to a rollback: train, judge, two reviewers, promote, reject, roll back, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.dossier.facts import Dossier
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

POLICY = """
floors: {accuracy: 0.85}
comparison: {margin: 0.05, class_margin: 0.3}
decision: {reviewers: [ada, grace, linus], quorum: 2, self_approval: false}
"""
RUN = """
parameters:
  config:
    name: scenario
    seed: SEED
    trainer: {epochs: EPOCHS, learning_rate: RATE, batch_size: 32, early_stopping: null, augment: {flip: false}}
    candidates: [simple_cnn]
    registry: {model: scenario, onnx: false}
"""


class Story:
    """What happens in a workspace, told in commands."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        (workspace.root / "configs" / "promotion.yaml").write_text(POLICY)

    def train(self, *, epochs: int, rate: float, seed: int = 0) -> dict[str, Any]:
        """Run the pipeline; returns the newest review."""
        text = RUN.replace("EPOCHS", str(epochs)).replace("RATE", str(rate)).replace("SEED", str(seed))
        file = self.workspace.root / "configs" / "scenario.yaml"
        file.write_text(text)
        self.workspace.call("podium", "run", "configs/scenario.yaml")
        newest: dict[str, Any] = self.workspace.json("review", "list", "--all")["reviews"][0]
        return newest

    def decide(self, verb: str, review: str, who: str, expect: int = 0, *, zenml: bool = False) -> str:
        told = ("--reason", f"{who} says so", "--as", who, *([] if zenml else ["--no-zenml"]))
        return self.workspace.call("podium", "review", verb, review, *told, expect=expect)

    def champion(self) -> int | None:
        value: int | None = self.workspace.json("leaderboard")["champion"]
        return value

    def dossier(self) -> Dossier:
        run = self.workspace.json("leaderboard")["run"]
        folder: Path = self.workspace.state / "runs" / run
        assert "<script" not in (folder / "dossier.html").read_text()
        assert (folder / "model_card.md").read_text().startswith("---\n")
        return Dossier.read((folder / "dossier.json").read_text())


def test_from_a_blocked_candidate_to_a_rollback(workspace: Workspace) -> None:
    story = Story(workspace)

    poor = story.train(epochs=1, rate=0.0001)
    assert (poor["id"], poor["outcome"]) == ("scenario-1", "blocked")
    assert "is blocked" in story.dossier().summary
    assert "the gate blocks it" in story.decide("approve", "scenario-1", "ada", expect=1)
    assert story.champion() is None

    good = story.train(epochs=4, rate=0.001)
    assert good["id"] == "scenario-2"
    assert good["outcome"] != "blocked", story.dossier().summary
    assert story.dossier().champion is None
    assert "no reviewer" in story.decide("approve", "scenario-2", "mallory", expect=1)
    story.decide("approve", "scenario-2", "ada")
    assert story.champion() is None, "one of two approvals promotes nothing"
    assert "ada has approved it already" in story.decide("approve", "scenario-2", "ada", expect=1)
    story.decide("approve", "scenario-2", "grace")
    assert story.champion() == 2

    worse = story.train(epochs=1, rate=0.0003)
    assert (worse["id"], worse["outcome"]) == ("scenario-3", "blocked")
    beside = story.dossier()
    assert beside.champion is not None
    assert beside.champion.version == 2
    assert beside.examples
    assert beside.challenger.accuracy < beside.champion.accuracy
    assert (beside.use, beside.duel) == (3, 1)
    story.decide("reject", "scenario-3", "linus")
    assert story.champion() == 2

    other = story.train(epochs=4, rate=0.001, seed=1)
    assert other["outcome"] != "blocked", story.dossier().summary
    story.decide("approve", "scenario-4", "linus")
    story.decide("approve", "scenario-4", "grace", zenml=True)
    assert story.champion() == 4

    workspace.call("podium", "review", "rollback", "--reason", "complaints", "--as", "ada")
    assert story.champion() == 2
    told = workspace.json("review", "audit")
    assert told["findings"] == []
    assert told["versions_verified"] == 4

"""The same pipeline on real photographs: CIFAR-10 in parquet, two epochs, an honest leaderboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.evaluation.metrics import wilson_interval
from podium.results import Leaderboard
from tests.product.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.shared]

CONFIG = """
parameters:
  config:
    name: cifar10-two-epochs
    data: {path: .podium/data/cifar10}
    trainer: {epochs: 2}
    candidates: [simple_cnn, {recipe: transfer_resnet20, trainer: {fine_tune: {epochs: 1}}}]
    registry: {model: cifar10}
"""


def test_two_epochs_on_photographs(workspace: Workspace, shared_data: Path) -> None:
    target = workspace.state / "data" / "cifar10"
    # 5,000 images are enough here; validation and test are drawn from them, stratified.
    arguments = ("--train", shared_data / "cifar10-test.parquet", "--name", "cifar10", "--target", target)
    workspace.call("podium", "data", "import", "parquet", *arguments)
    shown = workspace.json("data", "show", target)
    assert shown["class_names"][3] == "cat"
    assert sum(split["count"] for split in shown["splits"].values()) == 5000

    file = workspace.root / "configs" / "two.yaml"
    file.write_text(CONFIG)
    workspace.call("podium", "run", "configs/two.yaml")
    board = Leaderboard.model_validate(workspace.json("leaderboard"))
    assert [row.status for row in board.candidates] == ["completed", "completed"]
    assert board.selected == max(board.candidates, key=lambda row: row.validation_accuracy or 0).recipe
    assert board.data.digest == shown["digest"]
    tested = shown["splits"]["test"]["count"]
    winner, other = board.candidates
    assert winner.recipe == board.selected
    assert other.test_accuracy is None, "the test split is opened for the selected candidate alone"
    assert winner.test_accuracy is not None
    assert 0.2 < winner.test_accuracy < 0.9, "two epochs on 4,000 photographs teach something, and not everything"
    interval = wilson_interval(round(winner.test_accuracy * tested), tested)
    assert (winner.test_accuracy_low, winner.test_accuracy_high) == pytest.approx(interval)

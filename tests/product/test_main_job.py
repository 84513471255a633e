"""The main job as a newcomer runs it: quickstart, leaderboard, review, promotion, prediction."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from podium.data import open_dataset
from podium.results import Leaderboard
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

Quickstart = tuple[Workspace, str]
THEIRS = b"active_project_id: 00000000-0000-4000-8000-000000000000\nactive_stack_id: null\n"


@pytest.fixture(scope="module")
def second(quickstart: Quickstart) -> Iterator[tuple[str, Any, list[Path]]]:
    """The same run once more, beside somebody's own ZenML: what it printed, the leaderboard before, their files."""
    workspace, _ = quickstart
    before = workspace.json("leaderboard")
    planted = [folder / ".zen" / "config.yaml" for folder in (workspace.root, workspace.root.parent)]
    try:
        for file in planted:
            file.parent.mkdir()
            file.write_bytes(THEIRS)
        yield workspace.call("podium", "run", "configs/quickstart.yaml"), before, planted
    finally:
        for file in planted:
            shutil.rmtree(file.parent, ignore_errors=True)


def digit(workspace: Workspace, folder: Path, index: int = 0) -> tuple[Path, str]:
    """A test image as a large grayscale PNG, and its class."""
    dataset = open_dataset(workspace.root / "data")
    split = dataset["test"]
    file = folder / f"digit{index}.png"
    Image.fromarray(split.images[index]).convert("L").resize((301, 301), Image.Resampling.BICUBIC).save(file)
    return file, dataset.manifest.class_names[split.labels[index]]


def test_it_ends_with_what_a_person_needs(quickstart: Quickstart) -> None:
    _, printed = quickstart
    for words in ("cnn_3block", "simple_cnn", "resnet20", "transfer_resnet20"):
        assert words in printed
    assert "nothing is promoted without a decision" in printed
    assert "podium review approve digits-1" in printed
    for command in ("podium report", "podium dashboard", "podium predict"):
        assert command in printed
    assert "Traceback" not in printed


def test_the_leaderboard_is_honest(quickstart: Quickstart) -> None:
    workspace, _ = quickstart
    raw = workspace.json("leaderboard")
    board = Leaderboard.model_validate(raw)
    assert {row.recipe for row in board.candidates} == {"cnn_3block", "simple_cnn", "resnet20", "transfer_resnet20"}
    assert all(row.status == "completed" for row in board.candidates)
    assert board.champion is None
    assert board.version == 1
    best = max(board.candidates, key=lambda row: row.validation_accuracy or 0)
    assert board.candidates[0].validation_accuracy == best.validation_accuracy
    assert board.selected == board.candidates[0].recipe
    assert (board.candidates[0].test_accuracy or 0) >= 0.97
    assert board.data.digest == open_dataset(workspace.root / "data").manifest.digest
    assert next(row for row in board.candidates if row.recipe == "simple_cnn").parameters == 315_722


def test_no_zenml_of_somebodys_own_is_made(quickstart: Quickstart) -> None:
    workspace, _ = quickstart
    assert [p.name for p in (workspace.root / "home").rglob("*zenml*")] == []
    assert not (workspace.root / ".zen").exists()


def test_the_doctor_finds_nothing_wrong(quickstart: Quickstart) -> None:
    found = quickstart[0].json("doctor")
    assert {name: found[name]["status"] for name in ("data", "decisions", "registry", "stack")} == dict.fromkeys(
        ("data", "decisions", "registry", "stack"), "ok"
    )


def test_nothing_is_left_lying_about(quickstart: Quickstart) -> None:
    assert quickstart[0].leftovers() == []


def test_nobodys_own_zenml_is_touched(second: tuple[str, Any, list[Path]]) -> None:
    _, _, planted = second
    assert [file.read_bytes() for file in planted] == [THEIRS, THEIRS]
    assert [len(list(file.parent.iterdir())) for file in planted] == [1, 1]


def test_a_second_run_reuses_everything_and_says_so(
    quickstart: Quickstart, second: tuple[str, Any, list[Path]]
) -> None:
    workspace, _ = quickstart
    printed, before, _ = second
    assert "Nothing changed since run" in printed
    assert workspace.json("leaderboard") == before
    assert len(workspace.json("review", "list", "--all")["reviews"]) == 1


def test_report_is_one_file_without_scripts(quickstart: Quickstart) -> None:
    workspace, _ = quickstart
    run = workspace.json("leaderboard")["run"]
    html = (workspace.state / "runs" / run / "report.html").read_text()
    assert "<script" not in html
    assert "data:image/png;base64," in html
    assert str(workspace.state / "runs" / run / "report.html") in workspace.call(
        "podium", "report", "--no-open"
    ).replace("\n", "")


def test_prediction_needs_a_champion_and_approval_makes_one(quickstart: Quickstart, tmp_path: Path) -> None:
    workspace, _ = quickstart
    file, name = digit(workspace, tmp_path)
    refused = workspace.call("podium", "predict", file, expect=1)
    assert "review approve" in refused
    assert "Traceback" not in refused

    workspace.call("podium", "review", "approve", "digits-1", "--reason", "highest validation accuracy", "--as", "ada")
    assert workspace.json("leaderboard")["champion"] == 1
    decision = workspace.json("review", "show", "digits-1")["decision"]
    assert (decision["actor"], decision["reason"]) == ("ada", "highest validation accuracy")

    answer = workspace.json("predict", file)
    assert answer["version"] == 1
    assert answer["predictions"][0]["class"] == name
    assert answer["predictions"][0]["probability"] > 0.5


def test_one_bad_file_does_not_stop_the_others(quickstart: Quickstart, tmp_path: Path) -> None:
    workspace, _ = quickstart
    if workspace.json("leaderboard")["champion"] is None:
        workspace.call("podium", "review", "approve", "digits-1", "--reason", "needed here")
    good, _ = digit(workspace, tmp_path, 3)
    alone = workspace.json("predict", good)["predictions"][0]
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 no image")
    printed = workspace.call("podium", "predict", good, bad, "--json", expect=1)
    answer = json.loads(printed[: printed.rindex("}") + 1])
    assert answer["predictions"][0] == alone
    assert "broken.jpg" in answer["predictions"][1]["file"]
    assert answer["predictions"][1]["error"]


def test_the_data_set_is_the_recorded_one(quickstart: Quickstart) -> None:
    workspace, _ = quickstart
    shown = workspace.json("data", "show")
    assert shown["class_names"] == [str(i) for i in range(10)]
    total = sum(split["count"] for split in shown["splits"].values())
    assert total == 1797
    assert np.isclose(sum(shown["mean"]) / 3, open_dataset(workspace.root / "data").manifest.mean[0])

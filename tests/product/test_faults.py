"""What goes wrong on users' machines gives one clear error, or works; never a traceback, never a half-written file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from podium.data import open_dataset, write_dataset
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

ZENML = ("zenml", "pipeline", "run", "pipelines.training.training_pipeline", "-c", "configs/tiny.yaml")


def change_data(workspace: Workspace, **changes: dict[int, int]) -> None:
    """Rewrite the data set with some images painted in one grey: ``split={index: value}``."""
    dataset = open_dataset(workspace.root / "data")
    splits = {name: (np.array(s.images), np.array(s.labels)) for name, s in dataset.splits.items()}
    for split, paints in changes.items():
        for index, value in paints.items():
            splits[split][0][index] = value
    manifest = dataset.manifest
    write_dataset(
        workspace.root / "data",
        splits,
        name=manifest.name,
        class_names=manifest.class_names,
        source=manifest.source,
        licence=manifest.licence,
    )


def own_zenml(workspace: Workspace) -> dict[str, str]:
    return {"ZENML_CONFIG_PATH": str(workspace.root / "mine"), "ZENML_ANALYTICS_OPT_IN": "false"}


def test_zenml_itself_runs_the_job(untouched: Workspace) -> None:
    printed = untouched.call(*ZENML, **own_zenml(untouched))
    assert "awaiting a decision" in printed
    assert not (untouched.state / "zenml").exists()
    untouched.call("podium", "review", "approve", "tiny-1", "--reason", "it is the only one")
    assert untouched.json("leaderboard")["champion"] == 1


def test_a_bad_file_is_refused_before_anything_runs(untouched: Workspace) -> None:
    file = untouched.root / "configs" / "tiny.yaml"
    file.write_text(file.read_text().replace("epochs: 2", "epcohs: 2"))
    for command in (ZENML, ("podium", "run", "configs/tiny.yaml"), ("podium", "config", "check", "configs/tiny.yaml")):
        printed = untouched.call(*command, expect=2, **own_zenml(untouched))
        assert "epcohs" in printed
        assert "did you mean 'epochs'?" in printed
        assert "Traceback" not in printed
        assert "has started" not in printed
    assert not untouched.state.exists(), "it makes no database either"


def test_a_critical_failure_stops_before_training_and_shows_the_images(workspace: Workspace) -> None:
    change_data(workspace, train={3: 0, 8: 255})
    printed = workspace.call("podium", "run", "configs/tiny.yaml", expect=3)
    assert "train" in printed
    assert "3" in printed
    pictures = list((workspace.state / "validation").rglob("*.png"))
    assert len(pictures) == 1
    assert pictures[0].name in printed.replace("\n", "")
    assert "Traceback" not in printed
    assert not (workspace.state / "work").exists()
    refused = workspace.call("podium", "validate", "configs/tiny.yaml", expect=3)
    assert "Traceback" not in refused


def test_a_failed_branch_is_reported_and_the_others_go_on(workspace: Workspace) -> None:
    """And several seeds of the winner are trained, tested and told side by side."""
    file = workspace.root / "configs" / "tiny.yaml"
    hasty = "{recipe: cnn_3block, name: hasty, trainer: {optimizer: sgd, learning_rate: 1e6}}"
    replaced = "[simple_cnn, cnn_3block]"
    assert replaced in file.read_text()
    file.write_text(file.read_text().replace(replaced, f"[{{recipe: simple_cnn, seeds: [0, 4]}}, {hasty}]"))
    printed = workspace.call("podium", "run", "configs/tiny.yaml")
    assert "Traceback" not in printed
    board = workspace.json("leaderboard")
    rows = {row["recipe"]: row for row in board["candidates"]}
    twice = [rows["simple_cnn_seed0"], rows["simple_cnn_seed4"]]
    assert [row["status"] for row in twice] == ["completed"] * 2
    (seeds,) = board["seeds"]
    for figure in ("validation_accuracy", "test_accuracy"):
        assert seeds[figure]["mean"] == pytest.approx(sum(row[figure] for row in twice) / 2)
        assert seeds[figure]["sd"] == pytest.approx(abs(twice[0][figure] - twice[1][figure]) / 2**0.5)
    assert f"simple_cnn, 2 seeds: validation {100 * seeds['validation_accuracy']['mean']:.2f} ± " in printed
    assert rows["hasty"]["status"] == "failed"
    assert rows["hasty"]["cause"]
    remedy = rows["hasty"]["remedy"]
    assert "learning rate" in remedy
    assert f"hasty failed: {rows['hasty']['cause']}\n  → {remedy}" in printed
    assert remedy in workspace.call("podium", "leaderboard")
    assert rows["hasty"]["test_accuracy"] is None


def test_missing_weights_are_an_error_that_says_what_to_do(workspace: Workspace) -> None:
    recipe = workspace.root / "configs" / "recipes" / "transfer_resnet20.yaml"
    text = recipe.read_text()
    assert "resnet20_tinyimagenet32" in text
    recipe.write_text(text.replace("resnet20_tinyimagenet32", "resnet20_elsewhere"))
    file = workspace.root / "configs" / "tiny.yaml"
    file.write_text(file.read_text().replace("cnn_3block]", "transfer_resnet20]"))
    printed = workspace.call("podium", "run", "configs/tiny.yaml", expect=1)
    assert "resnet20_elsewhere" in printed
    assert "PODIUM_WEIGHTS" in printed
    assert "Traceback" not in printed


def test_no_data_set(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / "data")
    printed = workspace.call("podium", "run", "configs/tiny.yaml", expect=1)
    assert "podium data import" in printed
    assert "Traceback" not in printed


def test_tampered_data(workspace: Workspace) -> None:
    file = workspace.root / "data" / "train.images.npy"
    content = bytearray(file.read_bytes())
    content[-5] ^= 255
    file.write_bytes(content)
    printed = workspace.call("podium", "run", "configs/tiny.yaml", expect=1)
    assert "train.images.npy" in printed
    assert "Traceback" not in printed


def test_two_runs_at_the_same_time_give_one_version(untouched: Workspace) -> None:
    runs = [untouched.start("podium", "run", "configs/tiny.yaml") for _ in range(2)]
    printed = [run.communicate(timeout=1100)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(printed)
    assert len(untouched.json("review", "list", "--all")["reviews"]) == 1
    assert untouched.json("leaderboard")["version"] == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk(untouched: Workspace) -> None:
    state = untouched.state
    state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        printed = untouched.call("podium", "run", "configs/tiny.yaml", expect=1)
        assert "No space left" in printed or "disk is full" in printed
        assert "Traceback" not in printed
        subprocess.run(["mount", "-o", "remount,size=400m", state], check=True)
        assert "awaiting a decision" in untouched.call("podium", "run", "configs/tiny.yaml")
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_a_full_disk_at_import_keeps_the_old_data(tmp_path: Path, untouched: Workspace) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    target = tmp_path / "small"
    target.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", target], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        printed = untouched.call("podium", "data", "import", "digits", "--target", target / "data", expect=1)
        assert "No space left" in printed
        assert "Traceback" not in printed
        assert list(target.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", target], check=True)

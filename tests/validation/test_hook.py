"""The pre-commit hook, run by pre-commit itself, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from podium.data import write_dataset
from tests.conftest import ROOT, make_arrays

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Tools of this environment; git without anybody's settings; pre-commit's own folder."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path / "home"),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PODIUM_ROOT": str(tmp_path / "mine"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }


def call(folder: Path, environment: dict[str, str], *command: str, ends: int = 0) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == ends, done.stdout + done.stderr
    return done.stdout + done.stderr


def commit(folder: Path, environment: dict[str, str]) -> str:
    call(folder, environment, "git", "init", "-q")
    call(folder, environment, "git", "add", "-A")
    call(folder, environment, "git", "commit", "-qm", "first")
    return call(folder, environment, "git", "rev-parse", "HEAD").strip()


def write(folder: Path, spoil: int | None = None) -> None:
    splits = {split: make_arrays(12, seed=seed) for seed, split in enumerate(("train", "validation", "test"))}
    if spoil is not None:
        splits["train"][0][spoil] = 0
    write_dataset(folder / "data", splits, name="made", class_names="abc", source="made", licence="CC0-1.0")


def test_it_passes_good_data_and_refuses_a_commit_of_bad_data(tmp_path: Path, environment: dict[str, str]) -> None:
    hooks, mine = tmp_path / "hooks", tmp_path / "mine"
    for folder in (hooks, mine / "configs", tmp_path / "home"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    revision = commit(hooks, environment)
    for name in ("recipes", "validation"):
        shutil.copytree(ROOT / "configs" / name, mine / "configs" / name)
    (mine / "configs" / "quickstart.yaml").write_text("parameters: {config: {name: made, candidates: [simple_cnn]}}\n")
    used = {"repo": str(hooks), "rev": revision, "hooks": [{"id": "podium-validate"}]}
    (mine / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [used]}))
    write(mine)
    commit(mine, environment)
    call(mine, environment, "pre-commit", "install")
    told = call(mine, environment, "pre-commit", "run", "--all-files")
    assert "podium validate" in told
    assert "Passed" in told
    write(mine, spoil=4)
    call(mine, environment, "git", "add", "-A")
    told = call(mine, environment, "git", "commit", "-m", "spoiled", ends=1)
    assert "exit code: 3" in told
    assert "Images of one colour, train" in told
    assert "train 4" in told
    assert call(mine, environment, "git", "log", "--format=%s").split() == ["first"]
    (mine / "notes.txt").write_text("not about data")
    call(mine, environment, "git", "restore", "--staged", "data")
    call(mine, environment, "git", "add", "notes.txt")
    told = call(mine, environment, "git", "commit", "-m", "notes")
    assert "no files to check" in told

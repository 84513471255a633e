"""``podium explain`` end to end: a promoted version's chain has no gap, and a changed artifact is told."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from podium.data import open_dataset
from tests.conftest import ROOT
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

LOCK = "requirements.lock"


def git(workspace: Workspace, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    command = ["git", *identity, *arguments]
    env = workspace.environment()
    return subprocess.run(command, cwd=workspace.root, env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def promoted(workspace: Workspace) -> Workspace:
    """A git checkout in which a run was made and its winner approved."""
    (workspace.root / LOCK).unlink()
    for name in (LOCK, ".gitignore"):
        shutil.copy(ROOT / name, workspace.root / name)
    git(workspace, "init", "--quiet")
    git(workspace, "add", ".gitignore", "configs", "data.dvc", LOCK)
    git(workspace, "commit", "--quiet", "--message", "start")
    workspace.call("podium", "run", "configs/tiny.yaml")
    workspace.call("podium", "review", "approve", "tiny-1", "--reason", "the best one", "--as", "ada")
    return workspace


def test_the_chain_of_a_champion_has_no_gap_and_a_changed_artifact_is_told(promoted: Workspace) -> None:
    chain = promoted.json("explain", "champion")
    assert chain["missing"] == []
    assert chain["mismatches"] == []
    data, lock = open_dataset(promoted.root / "data").manifest.digest, (ROOT / LOCK).read_bytes()
    assert chain["code"]["commit"] == git(promoted, "rev-parse", "HEAD").strip()
    assert (chain["code"]["clean"], chain["code"]["in_checkout"]) == (True, True)
    assert (chain["data"]["digest"], chain["data"]["digest_at_commit"]) == (data, data)
    assert chain["data"]["dvc"] == chain["data"]["dvc_at_commit"]
    assert chain["config"]["content"]["name"] == "tiny"
    assert chain["environment"]["lock"] == chain["environment"]["lock_at_commit"] == hashlib.sha256(lock).hexdigest()
    assert chain["run"]["status"] == "FINISHED"
    assert chain["run"]["zenml_run"]
    assert 0 < chain["metrics"]["test_accuracy"] <= 1
    assert chain["validation"]["passed"] is True
    assert [(one["kind"], one["reason"]) for one in chain["decisions"]] == [
        ("opened", None),
        ("approved", "the best one"),
    ]
    assert (chain["standing"], chain["aliases"]) == ("champion", ["champion"])
    printed = promoted.call("podium", "explain", "tiny-1")
    assert "what is recorded fits together; nothing is missing" in printed

    weights = _artifact(promoted, "*.safetensors", chain["run"]["mlflow_run"])
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    told = promoted.json("explain", "champion")
    assert told["missing"] == []
    assert any("model" in sentence for sentence in told["mismatches"]), told["mismatches"]
    weights.write_bytes(content)
    assert promoted.json("explain", "champion") == chain

    (promoted.root / LOCK).write_bytes(lock + b"surplus==1\n")
    git(promoted, "commit", "--quiet", "--all", "--message", "another lock")
    assert promoted.json("explain", "champion") == chain, "what came after the run does not change its chain"


def _artifact(workspace: Workspace, pattern: str, mlflow_run: str) -> Path:
    """The one such file of the registered model."""
    found = [
        file
        for file in (workspace.state / "mlartifacts").rglob(pattern)
        if mlflow_run in str(file) or "models" in str(file)
    ]
    assert found, sorted(map(str, (workspace.state / "mlartifacts").rglob("*")))[:40]
    return found[0]

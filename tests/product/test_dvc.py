"""DVC's own commands on the data set and on the stages, with a local remote."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.product.workspace import Workspace

pytestmark = pytest.mark.slow

CANDIDATES = "    candidates: [simple_cnn]\n    registry: {model: digits}\n"


def git(workspace: Workspace, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, *arguments], cwd=workspace.root, env=workspace.environment(), check=True)


@pytest.fixture
def repository(untouched: Workspace) -> Workspace:
    """A git and DVC repository with a small quickstart and a local remote; the data set is imported afresh."""
    quick = untouched.root / "configs" / "quickstart.yaml"
    text = quick.read_text().replace("epochs: 8", "epochs: 2")
    quick.write_text(text[: text.index("    candidates:")] + CANDIDATES)
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, untouched.root)
    git(untouched, "init", "--quiet")
    untouched.call("dvc", "init", "--quiet")
    untouched.call("dvc", "remote", "add", "--quiet", "--default", "storage", untouched.root.parent / "storage")
    shutil.rmtree(untouched.root / "data")
    untouched.call("podium", "data", "import", "digits")
    git(untouched, "add", ".")
    git(untouched, "commit", "-qm", "start")
    return untouched


def test_a_fresh_import_is_what_data_dvc_records(repository: Workspace) -> None:
    assert "up to date" in repository.call("dvc", "status", "data.dvc")
    record = (repository.root / "data.dvc").read_text()
    assert record == (ROOT / "data.dvc").read_text()


def test_a_flipped_byte_is_not_taken_for_what_data_dvc_records(repository: Workspace) -> None:
    file = repository.root / "data" / "train.images.npy"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    printed = repository.call("podium", "data", "restore", "--manifest", repository.root / "copy.json", expect=1)
    assert "train.images.npy: its content is not what dataset.json records" in printed
    assert not (repository.root / "copy.json").exists()
    for command in (("validate",), ("train",), ("evaluate",)):
        assert "train.images.npy" in repository.call("podium", *command, "configs/quickstart.yaml", expect=1)
    repository.call("dvc", "checkout", "--force", "data.dvc")
    assert "kept" in repository.call("podium", "data", "restore")


def test_repro_metrics_plots_and_push(repository: Workspace) -> None:
    repository.call("dvc", "repro")
    assert "up to date" in repository.call("dvc", "status")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    first = json.loads((repository.root / ".podium" / "dvc" / "metrics.json").read_text())
    assert first["selected"] == "simple_cnn"
    assert 0.5 < first["candidates"]["simple_cnn"]["validation"]["accuracy"] <= 1
    assert "test" not in first["candidates"]["simple_cnn"], "the gate alone opens the test split"

    assert "didn't change" in repository.call("dvc", "repro")
    recipe = repository.root / "configs" / "recipes" / "simple_cnn.yaml"
    text = recipe.read_text()
    recipe.write_text(text + "# another\n")
    changed = repository.call("dvc", "status")
    assert "validate:" in changed
    assert "train:" in changed
    recipe.write_text(text)

    quick = repository.root / "configs" / "quickstart.yaml"
    quick.write_text(quick.read_text().replace("epochs: 2", "epochs: 3"))
    repository.call("dvc", "repro")
    change = json.loads(repository.call("dvc", "metrics", "diff", "--json"))
    assert "candidates.simple_cnn.validation.loss" in change[".podium/dvc/metrics.json"]
    page = repository.call("dvc", "plots", "show").strip().splitlines()[-1]
    assert "vega" in Path(page.removeprefix("file://")).read_text()

    repository.call("dvc", "push", "--quiet")
    shutil.rmtree(repository.root / "data")
    shutil.rmtree(repository.root / ".dvc" / "cache")
    repository.call("dvc", "pull", "--quiet")
    assert "up to date" in repository.call("dvc", "status")
    assert "kept" in repository.call("podium", "data", "restore")

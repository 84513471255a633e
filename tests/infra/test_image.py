"""What the build of the image gets, and that a run needs no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths

from tests.conftest import ROOT


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def context(folder: Path) -> Path:
    """What Docker would send to the build, as a folder: the files that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    for name in (".git/HEAD", ".venv/bin/python", "data/train.images.npy", ".podium/mlflow.db", ".dvc/config.local",
                 "infra/team/secrets/zenml.env", "infra/team/backups/x", "src/podium/__pycache__/x.pyc"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    kept = {folder / name for name in exclude_paths(str(folder), ignored)}
    for file in [file for file in folder.rglob("*") if file.is_file() and file not in kept]:
        file.unlink()
    return folder


@pytest.mark.slow
def test_the_image_holds_what_a_run_needs_and_no_secrets(tmp_path: Path) -> None:
    app = context(tmp_path / "app")
    files = names(app) - {".dockerignore"}
    assert {name.partition("/")[0] for name in files} == {
        ".dvc", ".dvcignore", "LICENSE", "README.md", "configs", "data.dvc", "dvc.yaml", "infra", "pipelines",
        "pyproject.toml", "requirements.lock", "src", "steps",
    }  # fmt: skip
    assert {name for name in files if name.startswith(".dvc/")} == {".dvc/config"}
    assert not [name for name in files if "secrets" in name or "backups" in name or "__pycache__" in name]
    # As in the image: no git, no rights to write there, the state elsewhere.
    (app / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    code = "import podium; assert podium.__file__.startswith({!r}); from podium.cli import main; main()"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{app / 'src'}:{app}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PODIUM_ROOT": str(app),
        "PODIUM_STATE": str(tmp_path / "state"),
        "ZENML_CONFIG_PATH": str(tmp_path / "zenml"),
        "ZENML_CUSTOM_SOURCE_ROOT": str(app),
    }
    if os.environ.get("PYTHONPATH"):
        environment["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
    command = [sys.executable, "-c", code.format(str(app)), "config", "check", "configs/quickstart.yaml"]
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert names(app) - {".dockerignore"} == files | {".dvc/config.local"}, "nothing is written there"

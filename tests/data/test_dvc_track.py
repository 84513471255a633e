"""What an import leaves in data.dvc and in DVC's cache, and what a failing DVC leaves."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from typer.testing import CliRunner, Result

from podium.cli.data import app
from podium.data import dvc, open_dataset, write_dataset
from podium.data.dvc import track
from podium.data.restore import is_recorded, restore
from podium.errors import DataError
from tests.conftest import make_arrays

NAMES = ("left", "middle", "right")


def write(folder: Path, seed: int = 0) -> str:
    splits = {s: make_arrays(n, side=8, seed=seed + i) for i, (s, n) in enumerate([("train", 9), ("validation", 3), ("test", 3)])}  # fmt: skip  # noqa: E501
    return write_dataset(folder, splits, name="t", class_names=NAMES, source="made", licence="CC0-1.0").digest


def content(record: Path) -> dict:
    return yaml.safe_load(record.read_text())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository without git: starting DVC takes a second, so it is made once."""
    root = tmp_path_factory.mktemp("dvc") / "root"
    root.mkdir()
    Repo.init(str(root), no_scm=True).close()
    return root


@pytest.fixture
def root(tmp_path: Path, template: Path) -> Path:
    shutil.copytree(template, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """DVC is replaced by a shell script."""

    def put(script: str) -> None:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(dvc.sys, "executable", str(program))

    return put


@pytest.mark.slow
def test_an_import_is_recorded_with_its_note_and_lies_in_the_cache(root: Path) -> None:
    record = root / "data.dvc"
    first = write(root / "data")
    assert track(root / "data", record, first, source="digits") == "recorded"
    assert content(record)["meta"] == {"podium": {"digest": first, "source": "digits"}}
    assert is_recorded(root / "data", record)
    assert track(root / "data", record, first, source="digits") == "unchanged"

    record.write_text("# ours\n" + record.read_text() + "  other: 1\ndesc: thirds\n")
    second = write(root / "data", seed=5)
    assert track(root / "data", record, second) == "recorded"
    assert content(record)["meta"] == {"other": 1, "podium": {"digest": second}}
    assert content(record)["desc"] == "thirds"
    assert record.read_text().startswith("# ours\n")
    assert is_recorded(root / "data", record)
    assert restore(root / "data", record).outcome == "kept"

    shutil.rmtree(root / "data")
    with pytest.raises(DataError, match="none that is embedded"):
        restore(root / "data", record)
    with Repo(str(root)) as repo:
        repo.checkout([str(root / "data.dvc")])
    assert open_dataset(root / "data").manifest.digest == second


def test_without_a_repository_nothing_is_written(tmp_path: Path) -> None:
    digest = write(tmp_path / "data")
    assert track(tmp_path / "data", tmp_path / "data.dvc", digest) == "no repository"
    assert not (tmp_path / "data.dvc").exists()


def test_a_failing_dvc_leaves_a_record_that_claims_nothing_false(root: Path, fake) -> None:
    old = "outs:\n- md5: 0.dir\n  hash: md5\n  path: data\nmeta:\n  podium:\n    digest: f\n    source: digits\n"
    record = root / "data.dvc"
    record.write_text(old)
    digest = write(root / "data")
    fake("echo 'ERROR: no space left' >&2; exit 255")
    with pytest.raises(DataError, match="which is in place: ERROR: no space left") as caught:
        track(root / "data", record, digest)
    assert "`dvc add data`" in caught.value.remedy
    assert content(record) == {"outs": [{"md5": "0.dir", "hash": "md5", "path": "data"}]}
    with pytest.raises(DataError, match="not the one that"):
        restore(root / "data", record)
    assert open_dataset(root / "data").manifest.digest == digest


@pytest.mark.slow
def test_the_remedy_of_a_failing_dvc_mends_it(root: Path, fake, monkeypatch: pytest.MonkeyPatch) -> None:
    record = root / "data.dvc"
    digest = write(root / "data")
    python = sys.executable
    fake("exit 1")
    with pytest.raises(DataError):
        track(root / "data", record, digest)
    monkeypatch.undo()
    subprocess.run([python, "-m", "dvc", "add", "--quiet", "data"], cwd=root, check=True)
    assert restore(root / "data", record).outcome == "kept"
    assert track(root / "data", record, digest) == "recorded"
    assert content(record)["meta"] == {"podium": {"digest": digest}}


def test_the_note_of_the_old_version_never_stands_beside_the_new_hash(root: Path, fake) -> None:
    """What a kill while `dvc add` is at work would leave."""
    record = root / "data.dvc"
    record.write_text("outs:\n- md5: 0.dir\n  path: data\nmeta:\n  podium:\n    digest: f\n    source: digits\n")
    digest = write(root / "data")
    fake(f"cp {record} {root}/seen.dvc")
    track(root / "data", record, digest)
    assert "meta" not in content(root / "seen.dvc")


@pytest.mark.parametrize("text", ["outs: [", "just text", "<<<<<<< merge\n"])
def test_a_record_that_is_none_is_refused_and_left(root: Path, text: str) -> None:
    record = root / "data.dvc"
    record.write_text(text)
    with pytest.raises(DataError, match=r"data\.dvc: not a \.dvc file") as caught:
        track(root / "data", record, write(root / "data"))
    assert "git checkout" in caught.value.remedy
    assert record.read_text() == text
    assert not os.listdir(root / ".dvc" / "cache") if (root / ".dvc" / "cache").is_dir() else True


@pytest.mark.slow
def test_the_import_says_what_dvc_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing DVC would show that it was called."""
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["import", "digits", *arguments])

    assert "is no DVC repository" in run().output
    (tmp_path / ".dvc").mkdir()
    assert "DVC" not in run("--no-dvc").output
    (tmp_path / ".dvc" / "config").write_text("[")
    failed = run()
    assert isinstance(failed.exception, DataError)
    assert "or the same import again" in failed.exception.remedy
    assert open_dataset(tmp_path / "data").manifest.name == "digits"
    assert "DVC" not in run("--target", str(tmp_path / "other")).output

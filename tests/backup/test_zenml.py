"""What the steps of runs returned, in the state folder; a run of ZenML's own comes back in test_mariadb.py."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from podium.backup import restore, take
from podium.backup.manifest import OBJECTS
from podium.backup.places import Zenml
from podium.errors import BackupError
from tests.backup.zenml_run import installation


def quiet(line: str) -> None:
    """Nobody reads it."""


def test_artifacts_return_to_a_state_folder_of_the_same_path_only(tmp_path: Path) -> None:
    here, there = installation(tmp_path / "here"), installation(tmp_path / "there")
    kept = here.state / "artifacts" / "measure" / "data.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("0.97")
    folder = take(here, tmp_path / "backups", Zenml(), quiet)
    with pytest.raises(BackupError, match=r"holds the path .*here/state.*--no-zenml"):
        restore(there, folder, Zenml(), quiet)
    shutil.rmtree(here.state)
    restore(here, folder, Zenml(), quiet)
    assert kept.read_text() == "0.97"


def test_a_file_that_is_gone_from_the_objects_is_copied_again(tmp_path: Path) -> None:
    here, place = installation(tmp_path / "here"), tmp_path / "backups"
    kept = here.state / "artifacts" / "data.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("0.97")
    first = take(here, place, Zenml(), quiet)
    first.rename(first.with_name("20200101T000000Z"))
    (held,) = (file for file in (place / OBJECTS).rglob("*") if file.is_file() and file.read_bytes() == b"0.97")
    held.unlink()
    second = take(here, place, Zenml(), quiet)
    shutil.rmtree(here.state)
    restore(here, second, Zenml(), quiet)
    assert kept.read_text() == "0.97"

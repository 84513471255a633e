"""ZenML's database is made once; what somebody else made is kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from podium.orchestration import prepare as module
from podium.orchestration.prepare import making_mark, prepare, ready_mark
from podium.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, state=tmp_path / "state", tracking_uri="")


class Killed(BaseException):
    """As SIGKILL: nothing below catches it."""


def make(settings: Settings, monkeypatch: pytest.MonkeyPatch, *, runs: int = 0, killed: bool = False) -> None:
    """Stand in for ZenML: make a database with some runs, or die amid it."""
    folder = settings.state / "zenml" / "local_stores"

    def create() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if killed:
            (folder / "zenml.db").write_bytes(b"half a database")
            raise Killed
        with sqlite3.connect(folder / "zenml.db") as database:
            database.execute("CREATE TABLE IF NOT EXISTS pipeline_run (id TEXT)")
            database.executemany("INSERT INTO pipeline_run VALUES (?)", [("run",)] * runs)

    monkeypatch.setattr(module, "create", create)


def count(settings: Settings) -> int:
    with sqlite3.connect(settings.state / "zenml" / "local_stores" / "zenml.db") as database:
        return int(database.execute("SELECT count(*) FROM pipeline_run").fetchone()[0])


def test_it_is_made_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings, monkeypatch)
    prepare(settings)
    assert ready_mark(settings).is_file()
    assert not making_mark(settings).exists()
    make(settings, monkeypatch, killed=True)
    prepare(settings)


def test_what_a_killed_creation_left_is_removed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings, monkeypatch, killed=True)
    with pytest.raises(Killed):
        prepare(settings)
    assert making_mark(settings).exists()
    make(settings, monkeypatch)
    prepare(settings)
    assert count(settings) == 0
    assert not making_mark(settings).exists()


def test_history_without_a_mark_is_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings, monkeypatch, runs=3)
    module.create()  # by hand: eval "$(podium env)"; zenml …
    make(settings, monkeypatch, killed=True)
    other = settings.state / "zenml" / "local_stores" / "other"
    other.mkdir()
    with pytest.raises(Killed):
        prepare(settings)
    assert not making_mark(settings).exists()
    assert other.is_dir()


def test_history_made_after_a_killed_creation_is_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings, monkeypatch, killed=True)
    with pytest.raises(Killed):
        prepare(settings)
    (settings.state / "zenml" / "local_stores" / "zenml.db").unlink()
    make(settings, monkeypatch, runs=2)
    module.create()  # by hand, to the end
    make(settings, monkeypatch)
    prepare(settings)
    assert count(settings) == 2
    assert ready_mark(settings).is_file()
    assert not making_mark(settings).exists()


def test_a_failure_is_told_without_a_traceback(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def create() -> None:
        raise PermissionError(13, "Permission denied", "/state/zenml.db")

    monkeypatch.setattr(module, "create", create)
    monkeypatch.setenv("PODIUM_STATE", str(settings.state))
    assert module.main() == 1
    assert capsys.readouterr().err == "Error: /state/zenml.db: Permission denied\n"
    assert not ready_mark(settings).exists()

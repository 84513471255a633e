"""ZenML's database is made once; what somebody else made is kept."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

from podium.errors import RegistryError
from podium.orchestration import prepare as module
from podium.orchestration.prepare import making_mark, prepare, ready_mark
from podium.registry import zenml_server
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


def test_a_server_that_is_out_of_reach_is_told_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings, monkeypatch)
    prepare(settings)
    config = settings.state / "zenml" / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:  # bound and not answering: nobody else gets the port
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        config.write_text(f"store: {{type: rest, url: '{address}'}}\n")
        monkeypatch.setattr(zenml_server, "SECONDS", 0.1)
        with pytest.raises(RegistryError, match=f"{address}: the ZenML server does not answer") as caught:
            prepare(settings)
    assert "zenml logout" in caught.value.remedy
    with pytest.raises(RegistryError, match=r"does not answer \(ConnectionError\)"):
        prepare(settings)


def test_a_server_that_refuses_the_login_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from zenml.exceptions import CredentialsNotValid

    def refuse() -> None:
        raise CredentialsNotValid("the key is not active")

    make(settings, monkeypatch)
    prepare(settings)
    (settings.state / "zenml" / "config.yaml").write_text("store: {type: rest, url: 'https://zenml.example.org'}\n")
    monkeypatch.setattr(module, "require_answer", lambda *_, **__: None)
    monkeypatch.setattr(module, "create", refuse)
    with pytest.raises(RegistryError, match=r"refuses this checkout's login \(the key is not active\)") as caught:
        prepare(settings)
    assert "zenml login https://zenml.example.org" in caught.value.remedy

"""A backup of the registry, restored elsewhere: the audit finds all as it was."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.backup import restore, take
from podium.backup.manifest import OBJECTS, read
from podium.backup.places import Zenml
from podium.cli import build_app
from podium.digest import digest_directory
from podium.errors import BackupError, ReviewError
from podium.registry import promotion, tracking
from podium.registry.audit import audit
from podium.registry.log import EventLog
from podium.settings import Settings
from tests.ports import free_port
from tests.product.remote_servers import s3_server, serving
from tests.registry.postgres import Database, Server
from tests.registry.support import House

WITHOUT = Zenml(wanted=False)
ALICE = "grace@lab"


def quiet(line: str) -> None:
    """Nobody reads it."""


def decided(house: House) -> House:
    """Two versions, the second of which is the champion."""
    for seed in (0, 1):
        review = house.open(seed)
        promotion.approve(house.settings, review.id, reason="good", actor=ALICE, client=house.client)
    return house


def elsewhere(folder: Path, **changes: str) -> Settings:
    """An installation in another folder."""
    return Settings.from_environment({"PODIUM_ROOT": str(folder), "PODIUM_STATE": str(folder / "state"), **changes})


def found_as_it_was(settings: Settings, events: int) -> None:
    client = tracking.client(settings)
    found = audit(settings, client=client)
    assert (found.findings, found.versions_verified, found.events) == ((), 2, events)
    assert int(client.get_registered_model("podium").aliases["champion"]) == 2


@pytest.mark.slow
def test_on_sqlite_into_another_folder(house: House, tmp_path: Path) -> None:
    decided(house)
    before = audit(house.settings, client=house.client)
    assert before.findings == ()
    zenml = house.settings.state / "zenml" / "local_stores"
    zenml.mkdir(parents=True)
    with sqlite3.connect(zenml / "zenml.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE run (name TEXT)")
        database.execute("INSERT INTO run VALUES ('training-1')")
        database.commit()
        first = take(house.settings, tmp_path / "backups", Zenml(), quiet)
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700
    # What comes later is not in it.
    house.open(2)
    shutil.rmtree(tmp_path / "state")
    there = elsewhere(tmp_path / "there")
    with pytest.raises(BackupError, match=r"ZenML's local store holds the path .*--no-zenml"):
        restore(there, first, Zenml(), quiet)
    assert not there.state.exists()
    restore(there, first, WITHOUT, quiet)
    found_as_it_was(there, before.events)
    with sqlite3.connect(there.state / "reviews.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",), "as the log was made"
    assert {file.name for file in first.iterdir()} == {"manifest.json", "mlflow.db", "reviews.db"}
    # And at its old place, with ZenML's store.
    restore(house.settings, first, Zenml(), quiet)
    found_as_it_was(house.settings, before.events)
    with sqlite3.connect(zenml / "zenml.db") as database:
        assert database.execute("SELECT name FROM run").fetchall() == [("training-1",)]


@pytest.mark.slow
def test_on_postgresql_into_an_empty_database(
    database: Database, postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = elsewhere(tmp_path, PODIUM_TRACKING_URI=database.uri, PODIUM_ARTIFACT_ROOT=str(tmp_path / "shared"))
    house = decided(House(here, tracking.client(here), tmp_path))
    events = audit(here, client=house.client).events
    told: list[str] = []
    folder = take(here, tmp_path / "backups", WITHOUT, told.append)
    assert not any("se/cret" in line or "se%2Fcret" in line for line in told)
    assert "se/cret" not in (folder / "manifest.json").read_text()
    with pytest.raises(BackupError, match=r"has \d+ tables already.*has files already"):
        restore(here, folder, WITHOUT, quiet)
    empty = Database(postgres_server, postgres_server.new_database())
    there = elsewhere(tmp_path, PODIUM_TRACKING_URI=empty.uri, PODIUM_ARTIFACT_ROOT=str(tmp_path / "other"))
    (tmp_path / "shared").rename(tmp_path / "gone")
    restore(there, folder, WITHOUT, told.append)
    found_as_it_was(there, events)
    # The log refuses changes there as well, and goes on.
    with pytest.raises(Exception, match="append-only"):
        empty.execute("UPDATE podium_events SET actor = 'mallory'")
    promotion.rollback(there, "podium", reason="cats", actor=ALICE, client=tracking.client(there))
    assert audit(there).findings == ()


@pytest.mark.slow
def test_what_an_earlier_backup_holds_is_not_copied_again(house: House, tmp_path: Path) -> None:
    house.register(0)
    first = take(house.settings, tmp_path / "backups", WITHOUT, quiet)
    objects = {file: file.stat().st_ino for file in (tmp_path / "backups" / OBJECTS).rglob("*") if file.is_file()}
    assert objects
    first = first.rename(first.with_name("20200101T000000Z"))
    house.register(1)
    read_again: list[Path] = []
    original = shutil.copyfile

    def copied(source: Path, target: Path) -> Path:
        if str(house.settings.artifacts) in str(source):
            read_again.append(Path(source))
        return Path(original(source, target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "copyfile", copied)
        second = take(house.settings, tmp_path / "backups", WITHOUT, quiet)
    kept, more = read(first).trees["mlflow"].entries, read(second).trees["mlflow"].entries
    assert kept.items() < more.items()
    assert len(read_again) == len(more) - len(kept)
    assert all(file.stat().st_ino == number for file, number in objects.items())


def test_old_backups_are_given_up_with_what_only_they_held(house: House, tmp_path: Path) -> None:
    place, log = tmp_path / "backups", house.settings.artifacts / "log.txt"
    log.parent.mkdir()
    folders = []
    for number in range(3):
        log.write_text(f"line {number}")
        made = take(house.settings, place, WITHOUT, quiet, keep=2 if number == 2 else None)
        folders.append(made.rename(made.with_name(f"2020010{number}T000000Z")) if number < 2 else made)
    assert [folder.exists() for folder in folders] == [False, True, True]
    texts = {file.read_text() for file in (place / OBJECTS).rglob("*") if file.is_file()}
    assert texts == {"line 1", "line 2"}
    there = elsewhere(tmp_path / "there")
    restore(there, folders[1], WITHOUT, quiet)
    assert (there.artifacts / "log.txt").read_text() == "line 1"


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "missing", "dump"])
def test_a_damaged_backup_is_refused_before_anything_is_written(house: House, tmp_path: Path, damage: str) -> None:
    house.register(0)
    folder = take(house.settings, tmp_path / "backups", WITHOUT, quiet)
    file = next(file for file in (tmp_path / "backups" / OBJECTS).rglob("*") if file.is_file())
    if damage == "missing":
        file.unlink()
    else:
        file = folder / "mlflow.db" if damage == "dump" else file
        file.write_bytes(b"other" + file.read_bytes())
    there = elsewhere(tmp_path / "there")
    with pytest.raises(BackupError, match=r"is missing|was changed since the backup"):
        restore(there, folder, WITHOUT, quiet)
    assert not there.state.exists()


@pytest.mark.slow
def test_a_path_that_leads_out_of_the_place(house: House, tmp_path: Path) -> None:
    house.register(0)
    folder = take(house.settings, tmp_path / "backups", WITHOUT, quiet)
    manifest = json.loads((folder / "manifest.json").read_text())
    entries = manifest["trees"]["mlflow"]["entries"]
    entries["../../outside"] = entries.popitem()[1]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match="leads out of"):
        restore(elsewhere(tmp_path / "there"), folder, WITHOUT, quiet)
    assert not list(tmp_path.glob("**/outside"))


@pytest.mark.slow
def test_a_broken_log_is_not_backed_up(house: House, tmp_path: Path) -> None:
    house.open(0)
    with sqlite3.connect(house.settings.state / "reviews.db") as database:
        database.execute("DROP TRIGGER events_no_update")
        database.execute("UPDATE events SET actor = 'mallory'")
    with pytest.raises(ReviewError, match="chain is broken"):
        take(house.settings, tmp_path / "backups", WITHOUT, quiet)
    assert not list((tmp_path / "backups").glob("*Z"))


def test_what_cannot_be_backed_up_or_restored(tmp_path: Path) -> None:
    served = elsewhere(tmp_path, PODIUM_TRACKING_URI="http://mlflow:5000")
    with pytest.raises(BackupError, match=r"http://mlflow:5000[\s\S]*PODIUM_TRACKING_URI"):
        take(served, tmp_path / "backups", WITHOUT, quiet)
    with pytest.raises(BackupError, match="no backup"):
        restore(elsewhere(tmp_path), tmp_path, WITHOUT, quiet)


@pytest.mark.slow
def test_the_commands(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house.open(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    zenml = house.settings.state / "zenml"

    def call(state: Path, *arguments: str) -> str:
        done = CliRunner().invoke(build_app(), arguments, env={"PODIUM_STATE": str(state)})
        if done.exception is not None and done.exit_code:
            raise done.exception
        return done.output

    zenml.mkdir()
    (zenml / "config.yaml").write_text("store: {type: rest, url: https://zenml.example.org}\n")
    with pytest.raises(BackupError, match=r"ZenML server https://zenml\.example\.org, whose database is not known"):
        call(house.settings.state, "backup", "backups")
    folder = call(house.settings.state, "backup", "backups", "--no-zenml").split("backup: ")[1].strip()
    with pytest.raises(BackupError, match="empty place"):
        call(house.settings.state, "restore", folder, "--no-zenml")
    assert "podium review audit" in call(tmp_path / "there", "restore", folder, "--no-zenml")
    assert EventLog(tmp_path / "there" / "reviews.db").verify() == 1
    (tmp_path / folder).rename(tmp_path / "backups" / "20200101T000000Z")
    assert "given up" in call(house.settings.state, "backup", "backups", "--no-zenml", "--keep", "1")


@pytest.mark.slow
def test_artifacts_in_s3(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a bucket into another one, with a real S3 server; MLflow itself writes and reads there."""
    import boto3

    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3" / "server") as address:
        for name, value in S3_KEYS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
        client = boto3.client("s3", endpoint_url=address)
        for bucket in ("one", "two"):
            client.create_bucket(Bucket=bucket)
        state = tmp_path / "there"
        here = elsewhere(tmp_path / "here", PODIUM_ARTIFACT_ROOT="s3://one/podium")
        (tmp_path / "here").mkdir()
        first = decided(House(here, tracking.client(here), tmp_path / "here"))
        events = audit(here, client=first.client).events
        folder = take(here, tmp_path / "backups", WITHOUT, quiet)
        there = elsewhere(state, PODIUM_ARTIFACT_ROOT="s3://two/registry")
        restore(there, folder, WITHOUT, quiet)
        found_as_it_was(there, events)
        assert client.list_objects_v2(Bucket="two", Prefix="registry/")["KeyCount"]
        with pytest.raises(BackupError, match="s3://two/registry: has files already"):
            restore(elsewhere(tmp_path / "third", PODIUM_ARTIFACT_ROOT="s3://two/registry"), folder, WITHOUT, quiet)


S3_KEYS = {"AWS_ACCESS_KEY_ID": "test:tester", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.mark.slow
def test_mlflow_behind_its_server(mlflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a team's server: artifacts go through MLflow's server, and the backup reads its database and its folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(mlflow_database, tmp_path / "mlflow.db")
    database, folder, port = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "served", free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1",
        f"--backend-store-uri={database}", f"--artifacts-destination={folder.as_uri()}",
        f"--allowed-hosts=127.0.0.1:{port}",
    ]  # fmt: skip
    log = {"PODIUM_REVIEWS_URI": f"sqlite:///{tmp_path / 'log.db'}"}
    direct = {"PODIUM_TRACKING_URI": database, **log}
    with serving(command, port, tmp_path / "log"):
        client = elsewhere(tmp_path / "client", PODIUM_TRACKING_URI=f"http://127.0.0.1:{port}", **log)
        (tmp_path / "client").mkdir()
        house = House(client, tracking.client(client), tmp_path / "client")
        promotion.approve(client, house.open(0).id, reason="good", actor=ALICE, client=house.client)
        assert audit(client, client=house.client).findings == ()
        with pytest.raises(BackupError, match=r"only it knows where to[\s\S]*PODIUM_ARTIFACT_ROOT"):
            take(elsewhere(tmp_path / "server", **direct), tmp_path / "backups", WITHOUT, quiet)
        server = elsewhere(tmp_path / "server", PODIUM_ARTIFACT_ROOT=str(folder), **direct)
        backup = take(server, tmp_path / "backups", WITHOUT, quiet)
    shutil.move(folder, tmp_path / "gone")
    (tmp_path / "mlflow.db").rename(tmp_path / "gone.db")
    (tmp_path / "log.db").unlink()
    restore(server, backup, WITHOUT, quiet)
    assert digest_directory(folder) == digest_directory(tmp_path / "gone"), "where the server looks for them"
    tables = [list(sqlite3.connect(tmp_path / name).iterdump()) for name in ("mlflow.db", "gone.db")]
    assert tables[0] == tables[1]
    assert any("mlflow-artifacts:/" in line for line in tables[0])

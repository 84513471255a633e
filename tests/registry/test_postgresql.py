"""The decision log and the registry's lock in PostgreSQL, on a real server: what SQLite does not have or show."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from podium.errors import RegistryError, ReviewError
from podium.registry import log_postgresql, postgresql, tracking
from podium.registry.log import EventLog
from podium.settings import Settings
from tests.registry.postgres import PASSWORD, USER, Database, server

pytestmark = pytest.mark.slow


@pytest.fixture
def log(database: Database) -> EventLog:
    made = EventLog(database.uri)
    for number in range(3):
        made.append("note", "ada", {"model": "podium", "number": number, "text": "größer :x %s"})
    return made


def script(text: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own, once it has said a line."""
    started = subprocess.Popen([sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline(), "the process did not start"
    return started


class TestTable:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE podium_events SET actor = 'eve' WHERE seq = 99",
            "DELETE FROM podium_events",
            "TRUNCATE podium_events",
            "INSERT INTO podium_events SELECT * FROM podium_events WHERE seq = 1"
            " ON CONFLICT (seq) DO UPDATE SET actor = 'eve'",
            "SET session_replication_role = replica; DELETE FROM podium_events",
        ],
    )
    def test_it_is_append_only_for_its_owner_too(self, log: EventLog, database: Database, statement: str) -> None:
        with pytest.raises(psycopg.errors.RestrictViolation, match=r"append-only: (UPDATE|DELETE|TRUNCATE) is refused"):
            database.execute(statement)
        assert log.verify() == 3

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"seq": "5"}, "event 5 does not follow"),
            ({"seq": "3"}, "event 3 does not follow"),
            ({"seq": "3", "previous": "previous"}, "podium_events_pkey"),
            ({"seq": "0"}, "podium_events_seq"),
            ({"previous": f"'{'a' * 64}'"}, "event 4 does not follow"),
            ({"seq": "1", "previous": "repeat('0', 64)"}, "podium_events_(pkey|previous_key)"),
            ({"hash": "'abc'"}, "podium_events_hash_sha256"),
            ({"hash": "previous"}, "podium_events_hash_key"),
            ({"time": "'2026-01-01T00:00:00+01:00'"}, "podium_events_time_in_utc"),
            ({"payload": "'[]'"}, "podium_events_payload"),
            ({"actor": "NULL"}, "not-null"),
        ],
    )
    def test_what_is_no_next_event_is_refused(
        self, log: EventLog, database: Database, changes: dict[str, str], constraint: str
    ) -> None:
        columns = {
            "seq": "seq + 1", "time": "time", "kind": "kind", "actor": "actor", "payload": "payload",
            "previous": "hash", "hash": "repeat('b', 64)",
        } | changes  # fmt: skip
        insert = f"INSERT INTO podium_events SELECT {', '.join(columns.values())} FROM podium_events WHERE seq = 3"

        with pytest.raises(psycopg.IntegrityError, match=constraint):
            database.execute(insert)
        assert log.verify() == 3

    def test_one_that_was_left_open_is_guarded_again(self, log: EventLog, database: Database) -> None:
        database.execute("DROP TRIGGER podium_events_append_only ON podium_events")
        log.append("note", "ada", {})
        with pytest.raises(psycopg.errors.RestrictViolation):
            database.execute("DELETE FROM podium_events")

    def test_a_writer_needs_no_right_but_to_read_and_add(self, log: EventLog, database: Database) -> None:
        role = f"writer_{database.name}"
        database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'w'", f"GRANT SELECT, INSERT ON podium_events TO {role}")
        theirs = EventLog(f"postgresql+psycopg://{role}:w@127.0.0.1:{database.server.port}/{database.name}")
        assert theirs.append("note", "grace", {}).seq == 4
        assert theirs.verify() == 4

    def test_a_log_moves_from_sqlite_to_the_letter(self, database: Database, tmp_path: Path) -> None:
        old = EventLog(tmp_path / "reviews.db")
        for number in range(20):
            old.append("note", "ada", {"number": number, "x": 1e-7 * number, "text": "größer\\u0000\\n'%"})
        moved = EventLog(database.uri)
        assert moved.take(old) == 20
        with (
            closing(sqlite3.connect(tmp_path / "reviews.db")) as source,
            database.server.connect(database.name) as target,
        ):
            rows = [
                target.execute("SELECT * FROM podium_events ORDER BY seq").fetchall(),
                source.execute("SELECT * FROM events ORDER BY seq").fetchall(),
            ]
        assert rows[0] == rows[1]
        assert moved.verify() == 20
        assert moved.events() == old.events()
        assert moved.append("note", "ada", {}).previous == old.events()[-1].hash


CREATOR = """
import sys
from podium.registry.log import EventLog
log = EventLog(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
log.append("note", sys.argv[2], {})
"""


def test_four_processes_make_the_table_at_once(database: Database) -> None:
    people = [
        subprocess.Popen(
            [sys.executable, "-c", CREATOR, database.uri, str(i)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for i in range(4)
    ]  # fmt: skip
    for person in people:
        assert person.stdout is not None
        assert person.stdout.readline() == "ready\n"
    for person in people:
        assert person.stdin is not None
        person.stdin.write("\n")
        person.stdin.flush()
    assert [person.wait(60) for person in people] == [0] * 4
    log = EventLog(database.uri)
    assert log.verify() == 4
    assert {event.actor for event in log.events()} == set("0123")


AMID = """
import sys, time
from podium.registry.log import EventLog
with EventLog(sys.argv[1]).writing() as log:
    log.append("note", "amid", {})
    print("amid", flush=True)
    time.sleep(600)
"""


def test_a_writer_killed_amid_its_transaction_leaves_nothing(log: EventLog, database: Database) -> None:
    writer = script(AMID, database.uri)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert log.append("note", "after", {}).seq == 4
    assert [event.actor for event in log.events()] == ["ada", "ada", "ada", "after"]
    assert log.verify() == 4


def test_readers_do_not_wait_for_a_writer_and_writers_not_for_ever(
    log: EventLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_postgresql, "WRITE_SECONDS", 0.2)
    writer = script(AMID, database.uri)
    try:
        assert log.verify() == 3
        with pytest.raises(ReviewError, match=rf"another process has not finished for long \(.*podium .* {writer.pid}"):
            log.append("note", "late", {})
    finally:
        writer.kill()
        writer.wait()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_writer_sees_the_latest_state_whatever_the_default_is(database: Database, isolation: str) -> None:
    """With a snapshot of before the wait for the lock, both would be first."""
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_isolation = '{isolation}'")
    log, inside, seen = EventLog(database.uri), threading.Event(), []

    def second() -> None:
        inside.wait()
        with log.writing() as writer:
            seen.append(len(writer.events()))

    thread = threading.Thread(target=second)
    thread.start()
    with log.writing() as writer:
        inside.set()
        time.sleep(0.2)
        writer.append("note", "first", {})
    thread.join()
    assert seen == [1]


def test_a_server_killed_amid_writing_keeps_what_was_reported() -> None:
    """Every process of the server at once, as when its machine's power goes; with the disk's promises in force."""
    with server(fsync="on") as made:
        database = Database(made, made.new_database())
        log, reported, stop = EventLog(database.uri), [], threading.Event()

        def write() -> None:
            try:
                while not stop.is_set():
                    reported.append(log.append("note", "ada", {"filler": "x" * 3000}).seq)
            except ReviewError:
                stop.set()

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(reported) < 30:
            time.sleep(0.01)
        made.stop(signal.SIGQUIT)  # immediate: no checkpoint, recovery at the next start
        for thread in threads:
            thread.join()
        assert stop.is_set()
        made.start()
        assert log.verify() >= max(reported)
        assert set(reported) <= {event.seq for event in log.events()}


class TestErrors:
    def settings(self, folder: Path, uri: str) -> Settings:
        return Settings(root=folder, state=folder / "state", tracking_uri="sqlite:///x.db", reviews_uri=uri)

    def told(self, folder: Path, uri: str) -> str:
        """What reading, writing and locking say."""
        texts = []
        for attempt in (
            lambda: EventLog(uri).events(),
            lambda: EventLog(uri).append("note", "ada", {}),
            lambda: tracking.registry_lock(self.settings(folder, uri)).__enter__(),
        ):
            with pytest.raises(ReviewError) as caught:
                attempt()
            texts.append(str(caught.value) + repr(caught.value))
            assert caught.value.remedy
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
        return " ".join(texts)

    def test_no_server(self, database: Database, tmp_path: Path) -> None:
        text = self.told(tmp_path, re.sub(r":\d+/", ":1/", database.uri))
        assert f"postgresql://{USER}@127.0.0.1:1/{database.name}" in text
        assert "Connection refused" in text
        assert PASSWORD not in text
        assert "cret" not in text

    def test_a_wrong_password(self, database: Database, tmp_path: Path) -> None:
        text = self.told(tmp_path, f"postgresql+psycopg://{USER}:wr%40ng%20word@127.0.0.1:{database.server.port}/x")
        assert "password authentication failed" in text
        assert "wr@ng" not in text
        assert "wr%40ng" not in text

    def test_another_password_in_the_options(self, database: Database, tmp_path: Path) -> None:
        uri = f"postgresql+psycopg://{USER}@127.0.0.1:{database.server.port}/x?password=guess77"
        assert "guess77" not in self.told(tmp_path, uri)

    @pytest.mark.parametrize(
        "uri",
        ["mysql://u:hidden@h/d", "postgresql+psycopg://u:hidden@h:port/d", "postgresql://u:a@hidden@h/d", "hidden"],
    )
    def test_no_address(self, tmp_path: Path, uri: str) -> None:
        text = self.told(tmp_path, uri)
        assert "is none of a PostgreSQL database" in text
        assert "hidden" not in text

    def test_a_role_that_may_not_write(self, log: EventLog, database: Database) -> None:
        database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
        assert log.verify() == 3
        with pytest.raises(ReviewError, match="read-only transaction"):
            log.append("note", "ada", {})

    def test_mlflow_does_not_tell_it_either(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
        uri = re.sub(r":\d+/", ":1/", database.uri)
        settings = Settings(root=tmp_path, state=tmp_path, tracking_uri=uri, reviews_uri=f"sqlite:///{tmp_path}/r.db")
        with pytest.raises(RegistryError, match="no MLflow tracking store") as caught:
            tracking.client(settings)
        assert PASSWORD not in str(caught.value)
        assert "cret" not in str(caught.value)
        assert "cret" not in repr(settings)


def test_the_password_may_come_from_the_environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = database.server.uri(database.name, password=False)
    with pytest.raises(ReviewError, match="no password supplied"):
        EventLog(uri).events()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert EventLog(uri).append("note", "ada", {}).seq == 1


HOLDER = """
import sys, time
from pathlib import Path
from podium.registry import tracking
from podium.settings import Settings
folder = Path(sys.argv[2])
with tracking.registry_lock(Settings(root=folder, state=folder, tracking_uri="", reviews_uri=sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


class TestLock:
    def machine(self, folder: Path, database: Database) -> Settings:
        """One with a state folder of its own."""
        return Settings(root=folder, state=folder / "state", tracking_uri=database.uri)

    def test_it_excludes_other_machines_until_they_die(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        holder = script(HOLDER, database.uri, str(tmp_path / "there"))
        here = self.machine(tmp_path / "here", database)
        try:
            with (
                pytest.raises(ReviewError, match=rf"another process has not finished .*{holder.pid}"),
                postgresql.advisory_lock(database.uri, "registry", 0.2),
            ):
                pytest.fail("both hold it")
            with tracking.registry_lock(here, "runs"), tracking.registry_lock(here, "cache"):
                pass  # other locks
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        with tracking.registry_lock(here):
            pass
        assert not (here.state / "locks" / "registry.lock").exists()
        assert (here.state / "locks" / "cache.lock").exists()

    def test_it_is_freed_by_an_error(self, database: Database, tmp_path: Path) -> None:
        here = self.machine(tmp_path, database)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), tracking.registry_lock(here):
                raise ZeroDivisionError

    def test_one_that_was_lost_is_told(self, database: Database, tmp_path: Path) -> None:
        with (
            pytest.raises(ReviewError, match="the connection that locked the registry was lost") as caught,
            tracking.registry_lock(self.machine(tmp_path, database)),
        ):
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'podium %'"
            )
        assert "podium review audit" in caught.value.remedy

    def test_errors_of_others_in_the_block_stay(self, database: Database, tmp_path: Path) -> None:
        with pytest.raises(psycopg.OperationalError, match="theirs"), tracking.registry_lock(
            self.machine(tmp_path, database)
        ):  # fmt: skip
            raise psycopg.OperationalError("theirs")

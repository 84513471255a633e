"""The decision log stays a valid chain whatever happens to its writers, and nobody edits it unnoticed."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from podium.errors import ReviewError
from podium.registry.log import EventLog
from podium.registry.log_table import GENESIS
from tests.registry.postgres import Database


@dataclass
class Place:
    """Where a log is, and a way to its table past Podium."""

    where: Path | Database
    table: str

    @property
    def log(self) -> EventLog:
        return EventLog(self.where if isinstance(self.where, Path) else self.where.uri)

    @property
    def argument(self) -> str:
        return str(self.where) if isinstance(self.where, Path) else self.where.uri

    def execute(self, statement: str) -> None:
        text = statement.format(table=self.table)
        if isinstance(self.where, Path):
            with closing(sqlite3.connect(self.where)) as connection, connection:
                connection.execute(text)
        else:
            self.where.execute(text)

    def unguard(self) -> None:
        """As somebody may who owns the file, or the table."""
        if isinstance(self.where, Path):
            self.execute("DROP TRIGGER events_no_update")
            self.execute("DROP TRIGGER events_no_delete")
        else:
            self.execute("ALTER TABLE {table} DISABLE TRIGGER ALL")
            self.execute("ALTER TABLE {table} DROP CONSTRAINT podium_events_previous_sha256")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(tmp_path / "reviews.db", "events")
    return Place(request.getfixturevalue("database"), "podium_events")


@pytest.fixture
def log(place: Place) -> EventLog:
    made = place.log
    for number in range(4):
        made.append("note", "ada", {"model": "podium", "number": number, "text": "größer"})
    return made


def test_events_come_back_in_order_and_linked(log: EventLog) -> None:
    events = log.events()
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.payload["number"] for event in events] == [0, 1, 2, 3]
    assert [event.previous for event in events] == [GENESIS, *(event.hash for event in events[:-1])]
    assert log.verify() == 4


def test_an_empty_log(place: Place) -> None:
    assert (place.log.events(), place.log.verify()) == ((), 0)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    empty = EventLog(tmp_path / "none" / "reviews.db")
    assert (empty.events(), empty.verify()) == ((), 0)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("statement", ["UPDATE {table} SET actor = 'eve'", "DELETE FROM {table} WHERE seq = 4"])
def test_edits_are_refused(place: Place, log: EventLog, statement: str) -> None:
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match="append-only"):
        place.execute(statement)
    assert log.verify() == 4


@pytest.mark.parametrize("number", ["6", "4", "0"])
def test_what_does_not_follow_the_last_event_is_refused(place: Place, log: EventLog, number: str) -> None:
    row = f"SELECT {number}, time, kind, 'eve', payload, hash, '{'f' * 64}' FROM {{table}} WHERE seq = 4"
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        place.execute(f"INSERT INTO {{table}} {row}")
    assert log.verify() == 4


def test_another_link_than_the_last_events_is_refused(place: Place, log: EventLog) -> None:
    row = f"SELECT 5, time, kind, 'eve', payload, '{'e' * 64}', '{'f' * 64}' FROM {{table}} WHERE seq = 4"
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match="does not follow the last"):
        place.execute(f"INSERT INTO {{table}} {row}")
    assert log.verify() == 4


REPLACE = "INSERT OR REPLACE INTO {table} SELECT seq, time, kind, 'eve', payload, previous, 'x' FROM {table}"


def test_sqlite_replaces_no_event(tmp_path: Path) -> None:
    place = Place(tmp_path / "reviews.db", "events")
    for number in range(2):
        place.log.append("note", "ada", {"number": number})
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        place.execute(REPLACE)
    place.execute("INSERT OR IGNORE INTO {table} SELECT 9, time, kind, 'eve', payload, 'y', 'x' FROM {table} WHERE 0")
    assert [event.actor for event in place.log.events()] == ["ada", "ada"]


def test_a_file_of_before_is_guarded_by_the_next_write(tmp_path: Path) -> None:
    place = Place(tmp_path / "reviews.db", "events")
    place.log.append("note", "ada", {})
    place.execute("DROP TRIGGER events_follow")
    place.log.append("note", "ada", {})
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        place.execute(REPLACE)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE {table} SET payload = replace(payload, '1', '9') WHERE seq = 2", r"event 2 .* was changed"),
        ("UPDATE {table} SET actor = 'eve' WHERE seq = 4", r"event 4 .* was changed"),
        ("UPDATE {table} SET previous = 'x' WHERE seq = 3", r"event 3 .* does not follow event 2"),
        ("DELETE FROM {table} WHERE seq = 2", r"event 2 is missing"),
        ("DELETE FROM {table} WHERE seq = 1", r"event 1 is missing"),
    ],
)
def test_verify_names_the_first_broken_link(place: Place, log: EventLog, statement: str, message: str) -> None:
    place.unguard()
    place.execute(statement)
    with pytest.raises(ReviewError, match=message):
        log.verify()


def test_a_transaction_that_fails_leaves_nothing(log: EventLog) -> None:
    def fail() -> None:
        with log.writing() as writer:
            writer.append("note", "ada", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert log.verify() == 4


def test_two_writers_see_each_other(log: EventLog) -> None:
    """Check and append are one transaction: of many threads that want to be first, one is."""
    won = []

    def claim(name: str) -> None:
        with log.writing() as writer:
            if all(event.kind != "claim" for event in writer.events()):
                time.sleep(0.01)
                writer.append("claim", name, {})
                won.append(name)

    threads = [threading.Thread(target=claim, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert log.verify() == 5


def test_a_log_is_taken_over_once_and_whole(place: Place, log: EventLog, tmp_path: Path) -> None:
    copy = EventLog(tmp_path / "copy.db")
    assert copy.take(log) == 4
    assert (copy.events(), copy.verify()) == (log.events(), 4)
    with pytest.raises(ReviewError, match="has 4 events already"):
        copy.take(log)
    with pytest.raises(ReviewError, match=r"none\.db: there is no decision log"):
        copy.take(EventLog(tmp_path / "none.db"))
    place.unguard()
    place.execute("UPDATE {table} SET actor = 'eve' WHERE seq = 2")
    with pytest.raises(ReviewError, match="chain is broken"):
        EventLog(tmp_path / "other.db").take(log)
    assert EventLog(tmp_path / "other.db").events() == ()


def test_a_file_that_is_no_log_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "reviews.db"
    path.write_bytes(b"not a database at all, but longer than a header" * 10)
    with pytest.raises(ReviewError, match=r"reviews\.db: the decision log cannot be used"):
        EventLog(path).events()


WRITER = """
import sys
from pathlib import Path
from podium.registry.log import EventLog
log = EventLog(sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1]))
n = 0
while True:
    event = log.append("note", sys.argv[2], {"n": n, "filler": "x" * 3000})
    print(event.seq, flush=True)
    n += 1
"""


@pytest.mark.slow
def test_killed_writers_leave_a_valid_chain(place: Place) -> None:
    """Three writers at once, each killed in the middle of its work; what was reported as written is there."""
    rng = random.Random(3)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, place.argument, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline(), "the writer did not start"
    reported = 0
    for writer in writers:
        time.sleep(rng.uniform(0.05, 0.3))
        writer.send_signal(signal.SIGKILL)
        output, _ = writer.communicate()
        reported = max([reported, *map(int, output.split())])
    log = place.log
    count = log.verify()
    assert count >= reported
    assert {event.actor for event in log.events()} == {"0", "1", "2"}
    assert log.append("note", "after", {}).seq == count + 1


def test_a_log_whose_making_was_killed_is_an_empty_one(tmp_path: Path) -> None:
    """SQLite makes the file before its first table."""
    file = tmp_path / "reviews.db"
    file.touch()
    assert list(EventLog(file).events()) == []

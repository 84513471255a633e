"""The decision log stays a valid chain whatever happens to its writers, and nobody edits it unnoticed."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from podium.errors import ReviewError
from podium.registry.log import GENESIS, EventLog


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    made = EventLog(tmp_path / "reviews.db")
    for number in range(4):
        made.append("note", "ada", {"model": "podium", "number": number, "text": "größer"})
    return made


def test_events_come_back_in_order_and_linked(log: EventLog) -> None:
    events = log.events()
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.payload["number"] for event in events] == [0, 1, 2, 3]
    assert [event.previous for event in events] == [GENESIS, *(event.hash for event in events[:-1])]
    assert log.verify() == 4


def test_reading_makes_no_file(tmp_path: Path) -> None:
    empty = EventLog(tmp_path / "none" / "reviews.db")
    assert empty.events() == ()
    assert empty.verify() == 0
    assert not empty.path.parent.exists()


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'eve'", "DELETE FROM events WHERE seq = 4"])
def test_edits_are_refused(log: EventLog, statement: str) -> None:
    with sqlite3.connect(log.path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert log.verify() == 4


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE events SET payload = replace(payload, '1', '9') WHERE seq = 2", r"event 2 .* was changed"),
        ("UPDATE events SET actor = 'eve' WHERE seq = 4", r"event 4 .* was changed"),
        ("UPDATE events SET previous = 'x' WHERE seq = 3", r"event 3 .* does not follow event 2"),
        ("DELETE FROM events WHERE seq = 2", r"event 2 is missing"),
        ("DELETE FROM events WHERE seq = 1", r"event 1 is missing"),
    ],
)
def test_verify_names_the_first_broken_link(log: EventLog, statement: str, message: str) -> None:
    with sqlite3.connect(log.path) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute(statement)
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


def test_a_file_that_is_no_log_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "reviews.db"
    path.write_bytes(b"not a database at all, but longer than a header" * 10)
    with pytest.raises(ReviewError, match=r"reviews\.db: the decision log cannot be used"):
        EventLog(path).events()


WRITER = """
import sys
from pathlib import Path
from podium.registry.log import EventLog
log = EventLog(Path(sys.argv[1]))
n = 0
while True:
    event = log.append("note", sys.argv[2], {"n": n, "filler": "x" * 3000})
    print(event.seq, flush=True)
    n += 1
"""


@pytest.mark.slow
def test_killed_writers_leave_a_valid_chain(tmp_path: Path) -> None:
    """Three writers at once, each killed in the middle of its work; what was reported as written is there."""
    path, rng = tmp_path / "reviews.db", random.Random(3)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(i)], stdout=subprocess.PIPE, text=True)
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
    log = EventLog(path)
    count = log.verify()
    assert count >= reported
    assert {event.actor for event in log.events()} == {"0", "1", "2"}
    assert log.append("note", "after", {}).seq == count + 1

"""What was looked at and done, in a SQLite file of the state folder: checks that found nothing share an entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.errors import PodiumError
from podium.retraining.fingerprint import Fingerprint

CHAMPION_WON: Final = "the champion won"
"""Outcome of a retraining whose winner has the champion's very weights."""
Event = Literal["checked", "overlapped", "started", "stopped", "ended", "failed"]
_BUSY_SECONDS: Final = 60
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, event TEXT NOT NULL, first TEXT NOT NULL,
  last TEXT NOT NULL, count INTEGER NOT NULL, fingerprint TEXT NOT NULL, detail TEXT NOT NULL)
"""


class Entry(Frozen):
    """One thing that happened, or several checks in a row that found the same."""

    id: int
    event: Event
    first: datetime
    last: datetime
    count: int
    fingerprint: Fingerprint | None
    detail: dict[str, Any] = Field(default_factory=dict)
    """``reasons`` and ``kind`` of checks and starts; ``run``, ``selected``, ``outcome``, ``questions`` (the gate's),
    ``version`` and ``review`` of what has ended; ``cause`` of what has failed; ZenML's ``run_id`` of starts
    and ends."""


class History:
    """The entries of one retraining; the file is made by the first that is written."""

    def __init__(self, file: Path, name: str) -> None:
        self._file, self._name = file, name

    def entries(self) -> tuple[Entry, ...]:
        """All, oldest first. Raises PodiumError if the file cannot be read."""
        if not self._file.is_file():
            return ()
        with self._open() as database:
            query = "SELECT id, event, first, last, count, fingerprint, detail FROM entries WHERE name = ? ORDER BY id"
            rows = database.execute(query, (self._name,)).fetchall()
        keys = ("id", "event", "first", "last", "count")
        return tuple(
            Entry.model_validate(
                {
                    **dict(zip(keys, row[:5], strict=True)),
                    "fingerprint": json.loads(row[5]),
                    "detail": json.loads(row[6]),
                }
            )
            for row in rows
        )

    def add(self, event: Event, fingerprint: Fingerprint | None, **detail: Any) -> Entry | None:
        """Write an entry and return it; a check like the last entry is counted there, and None is returned.

        Raises:
            PodiumError: The file cannot be written.
        """
        time = datetime.now(UTC)
        now = time.isoformat()
        mark = json.dumps(fingerprint.model_dump() if fingerprint else None)
        told = json.dumps(detail, sort_keys=True)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_TABLE)
            query = "SELECT id, event, fingerprint, detail FROM entries WHERE name = ? ORDER BY id DESC LIMIT 1"
            last = database.execute(query, (self._name,)).fetchone()
            if event == "checked" and last and last[1:] == (event, mark, told):
                database.execute("UPDATE entries SET last = ?, count = count + 1 WHERE id = ?", (now, last[0]))
                number = None
            else:
                values = (self._name, event, now, now, 1, mark, told)
                columns = "name, event, first, last, count, fingerprint, detail"
                made = database.execute(f"INSERT INTO entries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
                number = made.lastrowid
            database.execute("COMMIT")
        if number is None:
            return None
        return Entry(id=number, event=event, first=time, last=time, count=1, fingerprint=fingerprint, detail=detail)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                yield database
        except sqlite3.Error as error:
            raise PodiumError(
                f"{self._file}: the history of retraining cannot be used ({error})",
                remedy="look at the disk; a damaged file may be moved away, which forgets what was trained",
            ) from error

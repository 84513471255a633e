"""The decision log: append-only, hash-chained events in one table of SQLite or PostgreSQL.

The database refuses UPDATE and DELETE; each event's hash covers the one before, so that an edit around that breaks the
chain. Events are the same to the letter in both databases, and so are their hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from podium.config import Frozen
from podium.digest import digest_json
from podium.errors import ReviewError
from podium.registry.log_sqlite import SqliteStore
from podium.registry.log_table import GENESIS, Store


class Event(Frozen):
    """One entry of the log."""

    seq: int
    """From 1, without gaps."""
    time: datetime
    """UTC."""
    kind: str
    actor: str
    payload: dict[str, Any]
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """The hash that an event with this content and predecessor has."""
        return _hash(self.seq, self.time.isoformat(), self.kind, self.actor, self.payload, self.previous)


class Writer:
    """The log inside one write transaction: what is read is still true when the event is appended."""

    def __init__(self, connection: sa.Connection, table: sa.Table, time: datetime, place: str) -> None:
        self._connection, self._table, self._place = connection, table, place
        self.time = time
        """Of the transaction, in UTC: what is checked against it holds for the events, which bear it."""

    def events(self) -> tuple[Event, ...]:
        """All events so far, this transaction's included."""
        return _read(self._connection, self._table)

    def verified(self) -> tuple[Event, ...]:
        """The same, once every link of the chain is checked. Raises ReviewError if it is broken."""
        return _verified(self.events(), self._place)

    def append(self, kind: str, actor: str, payload: Mapping[str, Any]) -> Event:
        """Add one event; it is durable when the transaction ends."""
        newest = sa.select(self._table).order_by(self._table.c.seq.desc()).limit(1)
        last = self._connection.execute(newest).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
        time = self.time
        content = json.loads(json.dumps(dict(payload), allow_nan=False))
        event = Event(
            seq=seq,
            time=time,
            kind=kind,
            actor=actor,
            payload=content,
            previous=previous,
            hash=_hash(seq, time.isoformat(), kind, actor, content, previous),
        )
        self.repeat(event)
        return event

    def repeat(self, event: Event) -> None:
        """Add an event of another log as it is there."""
        text = {"time": event.time.isoformat(), "payload": json.dumps(event.payload, ensure_ascii=False)}
        self._connection.execute(self._table.insert().values(**event.model_dump() | text))


class EventLog:
    """The log in a SQLite file, or in the PostgreSQL database at an address (``Settings.reviews``).

    It is made by the first write.

    Raises:
        ReviewError: The address is none of PostgreSQL.
    """

    def __init__(self, where: Path | str) -> None:
        self._store = _store(where)

    @property
    def place(self) -> str:
        """The file, or the address without its password."""
        return self._store.place

    def events(self) -> tuple[Event, ...]:
        """All events in order; none if there is no log yet. Raises ReviewError if it cannot be read."""
        with self._store.reading() as connection:
            return () if connection is None else _read(connection, self._store.table)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Hold the write lock for a block: it sees the latest state, and commits all its events or none."""
        with self._store.writing() as connection:
            yield Writer(connection, self._store.table, self._store.now(connection), self.place)

    def append(self, kind: str, actor: str, payload: Mapping[str, Any]) -> Event:
        """Add one event unconditionally."""
        with self.writing() as writer:
            return writer.append(kind, actor, payload)

    def take(self, other: EventLog) -> int:
        """Copy all events of another log, whose chain is verified first, into this one, which is empty.

        Returns:
            Their number.

        Raises:
            ReviewError: The other's chain is broken, it is empty, or this one is not.
        """
        events = other.verified()
        if not events:
            raise ReviewError(f"{other.place}: there is no decision log", remedy="name the file that was used so far")
        with self.writing() as writer:
            if found := len(writer.events()):
                raise ReviewError(
                    f"{self.place}: the decision log there has {found} events already",
                    remedy="take over a log before anything is decided or tested at the new place",
                )
            for event in events:
                writer.repeat(event)
        return len(events)

    def verify(self) -> int:
        """Check every link and return the number of events.

        Raises:
            ReviewError: The chain is broken; names the first event that does not fit.
        """
        return len(self.verified())

    def verified(self) -> tuple[Event, ...]:
        """All events, once every link of the chain is checked. Raises as :meth:`verify`."""
        return _verified(self.events(), self.place)


def _store(where: Path | str) -> Store:
    if isinstance(where, Path):
        return SqliteStore(where)
    from podium.registry.log_postgresql import PostgresStore

    return PostgresStore(where)


def _verified(events: tuple[Event, ...], place: str) -> tuple[Event, ...]:
    previous = GENESIS
    for count, event in enumerate(events, start=1):
        fault = ""
        if event.seq != count:
            fault = f"event {count} is missing (the next one is {event.seq})"
        elif event.previous != previous:
            fault = f"event {event.seq} ({event.kind}) does not follow event {count - 1}: its link was changed"
        elif event.hash != event.expected_hash():
            fault = f"event {event.seq} ({event.kind}, {event.time:%Y-%m-%d %H:%M} UTC) was changed after the fact"
        if fault:
            raise ReviewError(
                f"{place}: the decision log's chain is broken: {fault}",
                remedy="restore the log from a backup, and find out who can write to it",
            )
        previous = event.hash
    return events


def _read(connection: sa.Connection, table: sa.Table) -> tuple[Event, ...]:
    rows = connection.execute(sa.select(table).order_by(table.c.seq))
    return tuple(
        Event.model_validate(dict(row) | {"payload": json.loads(row["payload"])}, strict=False)
        for row in rows.mappings()
    )


def _hash(seq: int, time: str, kind: str, actor: str, payload: Mapping[str, Any], previous: str) -> str:
    return digest_json(
        {"seq": seq, "time": time, "kind": kind, "actor": actor, "payload": payload, "previous": previous}
    )

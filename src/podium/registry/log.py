"""The decision log: append-only, hash-chained events in one SQLite file.

Triggers refuse UPDATE and DELETE; each event's hash covers the one before, so that an edit around the triggers breaks
the chain. Write-ahead logging, a busy timeout and ``BEGIN IMMEDIATE`` keep it whole with several writers and after
SIGKILL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from filelock import FileLock

from podium.config import Frozen
from podium.digest import digest_json
from podium.errors import ReviewError

GENESIS: Final = "0" * 64
"""What the first event names as the hash before it."""
_BUSY_MILLISECONDS: Final = 60_000

_metadata = sa.MetaData()
_events = sa.Table(
    "events",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)
_TRIGGERS: Final = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_no_{action.lower()} BEFORE {action} ON events"
    f" BEGIN SELECT RAISE(ABORT, 'the decision log is append-only: {action} is refused'); END"
    for action in ("UPDATE", "DELETE")
)


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

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.time = datetime.now(UTC)
        """Of the transaction, in UTC: what is checked against it holds for the events, which bear it."""

    def events(self) -> tuple[Event, ...]:
        """All events so far, this transaction's included."""
        return _read(self._connection)

    def append(self, kind: str, actor: str, payload: Mapping[str, Any]) -> Event:
        """Add one event; it is durable when the transaction ends."""
        last = self._connection.execute(sa.select(_events).order_by(_events.c.seq.desc()).limit(1)).first()
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
        row = event.model_dump() | {"time": time.isoformat(), "payload": json.dumps(content, ensure_ascii=False)}
        self._connection.execute(_events.insert().values(**row))
        return event


class EventLog:
    """The log in the SQLite file ``path``; it is made by the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def events(self) -> tuple[Event, ...]:
        """All events in order; none if there is no log yet. Raises ReviewError if the file is no log."""
        if not self.path.is_file():
            return ()
        with self._engine() as engine, self._reporting(), engine.connect() as connection:
            return _read(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Hold the write lock for a block: it sees the latest state, and commits all its events or none."""
        self._create()
        with self._engine() as engine, self._reporting(), engine.connect() as connection:
            connection.execute(sa.text("BEGIN IMMEDIATE"))
            try:
                yield Writer(connection)
            except BaseException:
                connection.execute(sa.text("ROLLBACK"))
                raise
            connection.execute(sa.text("COMMIT"))

    def append(self, kind: str, actor: str, payload: Mapping[str, Any]) -> Event:
        """Add one event unconditionally."""
        with self.writing() as writer:
            return writer.append(kind, actor, payload)

    def verify(self) -> int:
        """Check every link and return the number of events.

        Raises:
            ReviewError: The chain is broken; names the first event that does not fit.
        """
        previous, count = GENESIS, 0
        for count, event in enumerate(self.events(), start=1):
            fault = ""
            if event.seq != count:
                fault = f"event {count} is missing (the next one is {event.seq})"
            elif event.previous != previous:
                fault = f"event {event.seq} ({event.kind}) does not follow event {count - 1}: its link was changed"
            elif event.hash != event.expected_hash():
                fault = f"event {event.seq} ({event.kind}, {event.time:%Y-%m-%d %H:%M} UTC) was changed after the fact"
            if fault:
                raise ReviewError(
                    f"{self.path}: the decision log's chain is broken: {fault}",
                    remedy="restore the log from a backup, and find out who can write to that file",
                )
            previous = event.hash
        return count

    def _create(self) -> None:
        if self.path.is_file() and self._has_triggers():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(self.path.with_suffix(".lock")),
            self._engine() as engine,
            self._reporting(),
            engine.connect() as connection,
        ):
            connection.execute(sa.text("PRAGMA journal_mode=WAL"))
            connection.execute(sa.text("BEGIN IMMEDIATE"))
            connection.execute(sa.schema.CreateTable(_events, if_not_exists=True))
            for trigger in _TRIGGERS:
                connection.execute(sa.text(trigger))
            connection.execute(sa.text("COMMIT"))

    def _has_triggers(self) -> bool:
        query = sa.text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
        with self._engine() as engine, self._reporting(), engine.connect() as connection:
            return connection.execute(query).scalar() == len(_TRIGGERS)

    @contextmanager
    def _engine(self) -> Iterator[sa.Engine]:
        """An engine whose transactions are ours alone (pysqlite's own BEGIN would come too late)."""
        engine = sa.create_engine(
            f"sqlite:///{self.path}", poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )

        @sa.event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
            connection.execute("PRAGMA synchronous=FULL")

        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise ReviewError(
                f"{self.path}: the decision log cannot be used: {error.orig}",
                remedy="check that the file is a Podium log, that the disk has room, and that you may write there",
            ) from None


def _read(connection: sa.Connection) -> tuple[Event, ...]:
    rows = connection.execute(sa.select(_events).order_by(_events.c.seq))
    return tuple(
        Event.model_validate(dict(row) | {"payload": json.loads(row["payload"])}, strict=False)
        for row in rows.mappings()
    )


def _hash(seq: int, time: str, kind: str, actor: str, payload: Mapping[str, Any], previous: str) -> str:
    return digest_json(
        {"seq": seq, "time": time, "kind": kind, "actor": actor, "payload": payload, "previous": previous}
    )

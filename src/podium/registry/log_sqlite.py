"""The decision log in a SQLite file: for one machine, without a server.

Write-ahead logging, a busy timeout and ``BEGIN IMMEDIATE`` keep it whole with several writers and after SIGKILL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from filelock import FileLock

from podium.errors import ReviewError
from podium.registry.log_table import GENESIS, events_table

_BUSY_MILLISECONDS: Final = 60_000
_TRIGGERS: Final = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS events_no_{action.lower()} BEFORE {action} ON events"
        f" BEGIN SELECT RAISE(ABORT, 'the decision log is append-only: {action} is refused'); END"
        for action in ("UPDATE", "DELETE")
    ),
    # Also against INSERT OR REPLACE, which deletes without asking the trigger above.
    "CREATE TRIGGER IF NOT EXISTS events_follow BEFORE INSERT ON events"  # noqa: S608 - of a constant
    " WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)"
    f" OR NEW.previous IS NOT coalesce((SELECT hash FROM events ORDER BY seq DESC LIMIT 1), '{GENESIS}')"
    " BEGIN SELECT RAISE(ABORT, 'the decision log is append-only: the event does not follow the last one'); END",
)


class SqliteStore:
    """The file ``path``; it is made by the first write."""

    table = events_table("events")

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """See :class:`podium.registry.log_table.Store`."""
        if not self._path.is_file():
            yield None
            return
        with self._engine() as engine, self._reporting(), engine.connect() as connection:
            # A process that was killed while it made the log leaves a database without any table.
            empty = connection.scalar(sa.text("SELECT count(*) FROM sqlite_master")) == 0
            yield None if empty else connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """See :class:`podium.registry.log_table.Store`."""
        self._create()
        with self._engine() as engine, self._reporting(), engine.connect() as connection:
            connection.execute(sa.text("BEGIN IMMEDIATE"))
            try:
                yield connection
            except BaseException:
                connection.execute(sa.text("ROLLBACK"))
                raise
            connection.execute(sa.text("COMMIT"))

    def now(self, connection: sa.Connection) -> datetime:
        """See :class:`podium.registry.log_table.Store`; the machine's clock."""
        return datetime.now(UTC)

    def _create(self) -> None:
        if self._path.is_file() and self._has_triggers():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(self._path.with_suffix(".lock")),
            self._engine() as engine,
            self._reporting(),
            engine.connect() as connection,
        ):
            connection.execute(sa.text("PRAGMA journal_mode=WAL"))
            connection.execute(sa.text("BEGIN IMMEDIATE"))
            connection.execute(sa.schema.CreateTable(self.table, if_not_exists=True))
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
            f"sqlite:///{self._path}", poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
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
                f"{self._path}: the decision log cannot be used: {error.orig}",
                remedy="check that the file is a Podium log, that the disk has room, and that you may write there",
            ) from None

"""PostgreSQL for what all machines of an installation share: connections, locks, and errors without passwords."""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from podium.errors import ReviewError

_NAMESPACE: Final = 0x706F6469
"""First of the two numbers of our advisory locks ("podi"), which other programs in the database do not use."""
LOCK_SECONDS: Final = 900
"""What a process waits for the registry's lock; whoever holds it may be uploading a model."""
_TOO_LONG: Final = "55P03"
"""PostgreSQL's code of a lock that was not free in time."""
_LIBPQ: Final = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""The client notices within a minute that the server's machine is gone."""
_SESSION: Final = {
    "tcp_keepalives_idle": "30",  # and the server that the client's is, whose locks it then frees
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "statement_timeout": "0",  # waiting is bounded by lock_timeout
    "idle_session_timeout": "0",  # a session that holds a lock is idle meanwhile
    "idle_in_transaction_session_timeout": "60s",  # a writer that was stopped does not stop the others
}


def address(uri: str) -> sa.URL:
    """The address of a database, through the driver psycopg. Raises ReviewError, which does not repeat it."""
    try:
        url = sa.make_url(uri)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() != "postgresql" or "@" in (url.host or ""):
        raise ReviewError(
            "the decision log's address is none of a PostgreSQL database",
            remedy="write postgresql+psycopg://USER@HOST:PORT/DATABASE into PODIUM_REVIEWS_URI, without a password"
            " (PGPASSWORD and ~/.pgpass are read), or with its special characters as in %40",
        )
    return url.set(drivername="postgresql+psycopg")


def shown(url: sa.URL) -> str:
    """An address without password and options, as errors and logs may tell it."""
    host = url.host or ", ".join(_texts(url.query.get("host"))) or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{f'{url.username}@' if url.username else ''}{host}{port}/{url.database or ''}"


def without_secrets(text: str, url: sa.URL) -> str:
    """What a driver or a server said, on one line, should it have repeated a password."""
    for secret in (*_texts(url.password), *_texts(url.query.get("password")), *_texts(os.environ.get("PGPASSWORD"))):
        text = text.replace(secret, "***")
    return " ".join(text.split())


@cache
def engine(url: sa.URL) -> sa.Engine:
    """Connections to a database, none of which is kept (so that processes may fork)."""
    defaults = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    made = sa.create_engine(
        url,
        poolclass=sa.NullPool,
        # Each statement sees what was committed before it, whatever the database's default is: one that follows a lock
        # must not see the state of before the wait.
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args={**defaults, "client_encoding": "UTF8"},
    )

    @sa.event.listens_for(made, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        own = {"application_name": f"podium {socket.gethostname()[:40]} {os.getpid()}"}
        for name, value in (_SESSION | own).items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        # What was reported as recorded has to survive the server's crash; stricter settings are kept.
        connection.execute("SELECT set_config('synchronous_commit', 'on', false)"
                           " WHERE current_setting('synchronous_commit') = 'off'")  # fmt: skip
        connection.commit()

    return made


@contextmanager
def reporting(url: sa.URL, what: str, remedy: str) -> Iterator[None]:
    """Turn the driver's errors in a block into ReviewError."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _TOO_LONG:
            raise ReviewError(
                f"{shown(url)}: {what}: another process has not finished for long ({_holders(url)})",
                remedy="try again; if it lasts, look at that process",
            ) from None
        raise ReviewError(
            f"{shown(url)}: {what}: {without_secrets(str(error.orig), url)}",
            remedy=remedy,
        ) from None


def wait_at_most(connection: sa.Connection, seconds: float, *, transaction: bool) -> None:
    """Let statements of this transaction, or session, fail if they wait longer for a lock."""
    connection.execute(sa.select(sa.func.set_config("lock_timeout", f"{round(seconds * 1000)}ms", transaction)))


def key(name: str) -> tuple[int, int]:
    """The numbers of an advisory lock."""
    return _NAMESPACE, zlib.crc32(name.encode()) & 0x7FFFFFFF


@contextmanager
def advisory_lock(uri: str, name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold a lock against all processes that use the database; the server frees it when the connection ends.

    That is also when its holder dies, or its machine is out of reach for a minute. Connections of a pool that are lent
    for a transaction (pgbouncer's transaction mode) cannot hold it.

    Raises:
        ReviewError: No server, or the lock was not free in time; or the connection was lost during the block.
    """
    url = address(uri)
    what = "the registry cannot be locked there"
    remedy = "check that the server runs and lets you in (PGPASSWORD, ~/.pgpass), and PODIUM_REVIEWS_URI"
    with _connection(url, what, remedy) as connection:
        with reporting(url, what, remedy):
            wait_at_most(connection, seconds, transaction=False)
            connection.execute(sa.select(sa.func.pg_advisory_lock(*key(name))))
        yield  # an error ends the connection, and with it the lock
        with reporting(
            url,
            "the connection that locked the registry was lost before the work under it was done",
            "what was recorded stands; somebody else may have acted at the same time: run `podium review audit`",
        ):
            connection.execute(sa.select(sa.func.pg_advisory_unlock(*key(name))))


@contextmanager
def _connection(url: sa.URL, what: str, remedy: str) -> Iterator[sa.Connection]:
    with reporting(url, what, remedy):
        connection = engine(url).connect()
    with connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _holders(url: sa.URL) -> str:
    """Who holds our locks in this database, by the names that the connections bear."""
    query = sa.text(
        "SELECT DISTINCT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.classid = :namespace AND l.granted AND a.datname = current_database()"
    )
    try:
        with engine(url).connect() as connection:
            return ", ".join(connection.scalars(query, {"namespace": _NAMESPACE})) or "it has just finished"
    except sa.exc.DBAPIError:
        return "and the server does not answer any more"


def _texts(value: object) -> tuple[str, ...]:
    """A value of an address, which may be several, as texts; none if it is empty."""
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),) if value else ()

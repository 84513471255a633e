"""Databases as files: SQLite through its own backup, PostgreSQL and MariaDB through their dump programs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from podium import atomic
from podium.addresses import without_secrets
from podium.backup.manifest import Kind
from podium.errors import BackupError

_PACKAGES: Final = {"pg_dump": "postgresql-client", "pg_restore": "postgresql-client"}
_KINDS: Final[dict[str, Kind]] = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def kind_of(uri: str) -> Kind:
    """The kind of database at an address. Raises BackupError for another one."""
    found = _KINDS.get(_url(uri).get_backend_name())
    if found is None:
        raise BackupError(
            "a backup reads the database itself, and the address names none that it knows",
            remedy="call it where the database is, with sqlite:///FILE, postgresql+psycopg://… or mysql://…",
        )
    return found


def dump(uri: str, target: Path) -> None:
    """Write one consistent state of a database, while others write to it, into a file. Raises BackupError."""
    kind, url = kind_of(uri), _url(uri)
    if kind == "sqlite":
        copy_sqlite(Path(url.database or ""), target)
    elif kind == "postgresql":
        _call(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", target, _postgresql(url)], uri)
    else:
        options = ["--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers", "--skip-dump-date"]
        name = _program("mariadb-dump", "mysqldump")
        _call([name, *_mysql(url), *options, f"--result-file={target}", str(url.database)], uri)


def load(uri: str, source: Path) -> None:
    """Fill an empty database from what :func:`dump` wrote.

    Raises:
        BackupError: It cannot be done; only in MariaDB something may be left of it.
    """
    kind, url = kind_of(uri), _url(uri)
    if kind == "sqlite":
        file = Path(url.database or "")
        with atomic.new_file(file) as fresh:
            shutil.copyfile(source, fresh)
    elif kind == "postgresql":
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _call(["pg_restore", *options, "--dbname", _postgresql(url), source], uri)
    else:
        _call([_program("mariadb", "mysql"), *_mysql(url), str(url.database)], uri, given=source)


def tables(uri: str) -> int:
    """How many tables a database has; none where its SQLite file is missing. Raises BackupError if it cannot tell."""
    url = _url(uri)
    if kind_of(uri) == "sqlite" and not Path(url.database or "").is_file():
        return 0
    engine = sa.create_engine(_driven(url), poolclass=sa.NullPool)
    try:
        return len(sa.inspect(engine).get_table_names())
    except sa.exc.SQLAlchemyError as error:
        raise BackupError(without_secrets(f"{shown(uri)}: cannot be read ({error})", uri), remedy=_REACH) from None
    finally:
        engine.dispose()


def replace_prefix(uri: str, columns: Sequence[tuple[str, str]], old: str, new: str) -> None:
    """Change the beginning of texts in columns, where it is ``old``."""
    engine = sa.create_engine(_driven(_url(uri)), poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            for table, column in columns:
                place: sa.ColumnClause[str] = sa.column(column, sa.Text)
                changed = sa.literal(new) + sa.func.substr(place, len(old) + 1)
                starts = sa.func.substr(place, 1, len(old)) == old
                connection.execute(sa.update(sa.table(table, place)).where(starts).values({column: changed}))
    finally:
        engine.dispose()


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database that others may be writing to. Raises BackupError if it is none."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            here.backup(there)
    except sqlite3.Error as error:
        raise BackupError(f"{source}: cannot be copied ({error})", remedy="check that it is a whole database") from None


def shown(uri: str) -> str:
    """An address without its password."""
    return _url(uri).render_as_string(hide_password=True)


_REACH: Final = "check that the server runs and lets you in (PGPASSWORD, ~/.pgpass; MYSQL_PWD)"


def _url(uri: str) -> sa.URL:
    try:
        return sa.make_url(uri)
    except (sa.exc.ArgumentError, ValueError):
        raise BackupError(
            "the address of a database cannot be read", remedy="write KIND://USER@HOST:PORT/DATABASE"
        ) from None


def _driven(url: sa.URL) -> sa.URL:
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql"}
    driven = url.set(drivername=drivers.get(url.get_backend_name(), url.drivername))
    if driven.drivername == "mysql+pymysql" and not url.password and os.environ.get("MYSQL_PWD"):
        return driven.set(password=os.environ["MYSQL_PWD"])
    return driven


def _postgresql(url: sa.URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _mysql(url: sa.URL) -> list[str]:
    user = [f"--user={url.username}"] if url.username else []
    return [f"--host={url.host or 'localhost'}", f"--port={url.port or 3306}", "--protocol=tcp", *user]


def _program(*names: str) -> str:
    return next((name for name in names if shutil.which(name)), names[0])


def _call(command: Sequence[str | Path], uri: str, given: Path | None = None) -> None:
    """Run a program; a password goes through its environment, never on its command line."""
    url = _url(uri)
    words = {"PGPASSWORD": url.password, "MYSQL_PWD": url.password} if url.password else {}
    environment = os.environ | {name: str(word) for name, word in words.items()}
    try:
        with (given or Path(os.devnull)).open("rb") as stream:
            done = subprocess.run(
                command, env=environment, stdin=stream, capture_output=True, text=True, errors="replace", check=False
            )
    except FileNotFoundError:
        package = _PACKAGES.get(str(command[0]), "mariadb-client")
        raise BackupError(f"{command[0]}: not installed", remedy=f"install the package {package}") from None
    if done.returncode:
        told = without_secrets(done.stderr.strip()[-1000:], uri)
        raise BackupError(f"{command[0]} of {shown(uri)} failed: {told}", remedy=_REACH)

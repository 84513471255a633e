"""A real PostgreSQL server on the loopback device, of its own data folder; Debian's, which root installs if need be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.needs import obtain
from tests.ports import free_port

PASSWORD = "se/cret @word:%"  # all that has to be escaped in an address
USER = "keeper"


def programs() -> Path:
    """The folder of PostgreSQL's server programs."""
    return obtain(_installed, "PostgreSQL server", ("postgresql",))


def _installed() -> Path | None:
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    return max((file.parent for file in Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)


@dataclass
class Server:
    """It can be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    fsync: str = "off"
    process: subprocess.Popen[bytes] | None = None
    _databases: int = 0

    def __post_init__(self) -> None:
        self.programs = programs()
        # The server refuses to run as root.
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        if os.geteuid() != 0:
            self._as = {}
        else:
            shutil.chown(self.folder, "postgres", "postgres")
        word = self.folder / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        options = ["--username", USER, "--pwfile", word, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"]
        self._run([self.programs / "initdb", "--pgdata", self.folder / "data", "--locale", "C", *options])

    def _run(self, command: list[Any]) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self._as)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": self.fsync,
            "max_connections": 60, "shared_buffers": "16MB",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *settings],
                cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self._as,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")
                time.sleep(0.02)

    def stop(self, sent: signal.Signals = signal.SIGINT) -> None:
        """By default in good order (SIGINT); its sessions are ended."""
        if self.process is not None:
            self.process.send_signal(sent)
            self.process.wait(30)
            self.process = None

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection past the log, as an intruder would have it; each statement is committed."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def uri(self, database: str, *, password: bool = True) -> str:
        word = f":{quote(PASSWORD, safe='')}" if password else ""
        return f"postgresql+psycopg://{USER}{word}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        self._databases += 1
        name = f"podium_{self._databases}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name


@contextmanager
def server(**options: Any) -> Iterator[Server]:
    """A running one. Its folder is not below pytest's, which no other user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="podium-postgres-"))
    folder.chmod(0o755)
    made: Server | None = None
    try:
        made = Server(folder, **options)
        made.start()
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder)


@dataclass
class Database:
    """An empty one of a server."""

    server: Server
    name: str

    @property
    def uri(self) -> str:
        return self.server.uri(self.name)

    def execute(self, *statements: str) -> None:
        with self.server.connect(self.name) as connection:
            for statement in statements:
                connection.execute(statement)

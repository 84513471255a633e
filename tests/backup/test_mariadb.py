"""A ZenML server's database, on a real MariaDB."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from podium.backup.databases import dump, load, tables
from podium.errors import BackupError
from tests.cluster.accounting import MariaDB

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[MariaDB]:
    with tempfile.TemporaryDirectory(prefix="podium-mariadb-") as folder:
        Path(folder).chmod(0o755)
        made = MariaDB(Path(folder) / "server")
        yield made
        made.stop()


def test_there_and_back(server: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("zenml", "other"):
        assert server.execute(f"CREATE DATABASE {name}")
    where = {"host": "127.0.0.1", "port": server.port, "user": "podium", "password": server.password}
    with pymysql.connect(database="zenml", autocommit=True, **where) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE run (id BINARY(16) PRIMARY KEY, name VARCHAR(99) CHARACTER SET utf8mb4)")
        cursor.execute("CREATE TABLE step (id INT, run BINARY(16), FOREIGN KEY (run) REFERENCES run (id))")
        cursor.execute("INSERT INTO run VALUES (%s, 'Läufe ✓')", (bytes(range(16)),))
        cursor.execute("INSERT INTO step VALUES (1, %s)", (bytes(range(16)),))
    monkeypatch.setenv("MYSQL_PWD", server.password)
    zenml, other = (f"mysql://podium@127.0.0.1:{server.port}/{name}" for name in ("zenml", "other"))
    assert (tables(zenml), tables(other)) == (2, 0)
    dump(zenml, tmp_path / "dump")
    load(other, tmp_path / "dump")
    with pymysql.connect(database="other", **where) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT run.id, name, step.id FROM run JOIN step ON run.id = run")
        assert cursor.fetchall() == ((bytes(range(16)), "Läufe ✓", 1),)
    monkeypatch.delenv("MYSQL_PWD")
    with pytest.raises(BackupError, match=r"mariadb-dump of mysql://podium@[\s\S]*MYSQL_PWD"):
        dump(zenml, tmp_path / "more")
    with pytest.raises(BackupError) as refused:
        dump(zenml.replace("podium@", "podium:a-wrong-word@"), tmp_path / "more")
    assert "a-wrong-word" not in str(refused.value)

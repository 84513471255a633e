"""A ZenML server's database, on a real MariaDB."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.backup import restore, take
from podium.backup.databases import dump, tables
from podium.backup.places import Zenml
from podium.errors import BackupError
from tests.backup.zenml_run import installation, told
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
    """ZenML's own tables, with a run that ZenML itself reads from the restored ones."""
    for name in ("zenml", "other"):
        assert server.execute(f"CREATE DATABASE {name}")
    zenml, other = (f"mysql://podium@127.0.0.1:{server.port}/{name}" for name in ("zenml", "other"))
    here = installation(tmp_path / "here")

    def from_zenml(what: str, uri: str) -> str:
        return told(here, what, uri.replace("podium@", f"podium:{server.password}@"))

    line = from_zenml("run", zenml)
    assert line.startswith(str(here.state / "artifacts")), "the stacks of infra/stacks keep them there"
    assert line.endswith("{'accuracy': 0.97}")
    monkeypatch.setenv("MYSQL_PWD", server.password)
    assert tables(zenml) > 50
    folder = take(here, tmp_path / "backups", Zenml(zenml), lambda _: None)
    shutil.rmtree(here.state)
    restore(here, folder, Zenml(other), lambda _: None)
    assert tables(other) == tables(zenml)
    assert from_zenml("read", other) == line
    monkeypatch.delenv("MYSQL_PWD")
    with pytest.raises(BackupError, match=r"mariadb-dump of mysql://podium@[\s\S]*MYSQL_PWD"):
        dump(zenml, tmp_path / "more")
    with pytest.raises(BackupError) as refused:
        dump(zenml.replace("podium@", "podium:a-wrong-word@"), tmp_path / "more")
    assert "a-wrong-word" not in str(refused.value)

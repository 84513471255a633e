"""A team's ZenML server, on MariaDB, and how a checkout logs in to it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.accounting import MariaDB
from tests.product.workspace import BIN, Workspace
from tests.product.zenml_server import ZenmlServer, zenml_server


@contextmanager
def team_server() -> Iterator[ZenmlServer]:
    """One that answers."""
    folder = Path(tempfile.mkdtemp(prefix="podium-zenml-"))
    folder.chmod(0o755)  # the database has a user of its own
    database: MariaDB | None = None
    try:
        database = MariaDB(folder / "mariadb")
        store = f"mysql://podium:{database.password}@127.0.0.1:{database.port}/zenml"
        with zenml_server(folder / "server", store) as made:
            made.wait()
            yield made
    finally:
        if database is not None:
            database.stop()
        shutil.rmtree(folder)


def log_in(site: Workspace, server: ZenmlServer, key: str, variables: Mapping[str, str]) -> str:
    """As a person does; returns what ZenML says."""
    done = subprocess.run(
        [BIN / "zenml", "login", server.address, "--api-key"], input=f"{key}\n", cwd=site.root,
        env=site.environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        timeout=600,
    )  # fmt: skip
    assert "Updated the global store configuration" in done.stdout
    return done.stdout

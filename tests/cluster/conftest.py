"""The cluster of a test session, its team's ZenML server on MariaDB, and a checkout that is logged in to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.orchestration.environment import isolated_environment
from podium.settings import Settings
from tests.cluster.slurm import Cluster
from tests.cluster.team import log_in, team_server
from tests.product.conftest import stock
from tests.product.prepared import Prepared
from tests.product.workspace import Workspace
from tests.product.zenml_server import ZenmlServer
from tests.registry.fixtures import mlflow_database

__all__ = ["mlflow_database", "stock"]


@pytest.fixture(scope="session")
def started_cluster() -> Iterator[Cluster]:
    """A running cluster. Its folder is not below pytest's, whose path is too long for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="podium-slurm-"))
    made: Cluster | None = None
    try:
        made = Cluster(folder)
        made.small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", made.small], check=True)
        made.start()
        yield made
    finally:
        if made is not None:
            made.stop()
            subprocess.run(["umount", "--lazy", made.small], check=False)
        shutil.rmtree(folder)


@pytest.fixture
def cluster(started_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster without jobs, with all its nodes; its commands work in this process."""
    monkeypatch.setenv("SLURM_CONF", str(started_cluster.conf))
    yield started_cluster
    started_cluster.clear()


@pytest.fixture(scope="session")
def server() -> Iterator[ZenmlServer]:
    """The team's ZenML server, on MariaDB."""
    with team_server() as made:
        yield made


@pytest.fixture(scope="session")
def site(
    started_cluster: Cluster, server: ZenmlServer, stock: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """A checkout on the cluster's shared file system, logged in to the team's server, with the stack ``slurm``."""
    made = stock.workspace(tmp_path_factory.mktemp("site") / "checkout")
    stock.begin(made.state)
    key = server.add_service_account("ada")
    (made.root / "api_key").write_text(key)
    (made.root / "login").write_text(log_in(made, server, key, user_environment(made, started_cluster, made.root)))
    printed = made.call("podium", "stack", "up", "slurm")
    assert "stack slurm: registered" in printed
    (made.root / "stack.up").write_text(printed)  # for docs/slurm.md
    return made


def user_environment(site: Workspace, cluster: Cluster, root: Path) -> dict[str, str]:
    """What a user has who called ``eval "$(podium env)"``; pipelines are looked for below ``root``."""
    settings = Settings.from_environment({"PODIUM_ROOT": str(site.root)})
    return isolated_environment(settings) | {
        **cluster.environment(),
        "ZENML_CUSTOM_SOURCE_ROOT": str(root),
        "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
        "ZENML_LOGGING_VERBOSITY": "INFO",
        "ZENML_LOGGING_COLORS_DISABLED": "true",
        "OMP_NUM_THREADS": "1",
    }

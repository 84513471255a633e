"""Fixtures of the registry's, the reviews' and the predictions' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from tests.registry.postgres import Database, Server, server
from tests.registry.support import House, make_house


@pytest.fixture(scope="session")
def mlflow_database(request: pytest.FixtureRequest) -> Path:
    """An MLflow database with its tables: making one takes 3-8 s of migrations, so it is kept between sessions."""
    folder = Path(request.config.cache.mkdir("mlflow"))  # type: ignore[union-attr]
    kept = folder / f"{mlflow.__version__}.db"
    if not kept.is_file():
        fresh = folder / f"{os.getpid()}.db"
        MlflowClient(tracking_uri=f"sqlite:///{fresh}").search_experiments()
        os.replace(fresh, kept)
    return kept


@pytest.fixture
def house(tmp_path: Path, mlflow_database: Path) -> House:
    """An empty registry and decision log."""
    return make_house(tmp_path, mlflow_database)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def database(postgres_server: Server) -> Database:
    """An empty PostgreSQL database."""
    return Database(postgres_server, postgres_server.new_database())

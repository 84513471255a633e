"""Workspaces for product tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.product.prepared import Prepared, make_prepared
from tests.product.workspace import Workspace
from tests.registry.fixtures import mlflow_database

__all__ = ["mlflow_database"]


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Prepared:
    """What every workspace would make for itself in the same way: the embedded data set, and empty databases."""
    return make_prepared(tmp_path_factory.mktemp("stock") / "checkout", mlflow_database)


@pytest.fixture
def untouched(tmp_path: Path, stock: Prepared) -> Workspace:
    """A fresh workspace with the embedded data set and ``configs/tiny.yaml``; there is no state yet."""
    return stock.workspace(tmp_path / "checkout")


@pytest.fixture
def workspace(untouched: Workspace, stock: Prepared) -> Workspace:
    """The same, with ZenML's and MLflow's databases as the first run makes them; they are empty."""
    stock.begin(untouched.state)
    return untouched


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace in which the quickstart ran once, and what it printed."""
    made = Workspace.create(tmp_path_factory.mktemp("quickstart") / "checkout")
    made.call("podium", "data", "restore")
    return made, made.call("podium", "run", "configs/quickstart.yaml")

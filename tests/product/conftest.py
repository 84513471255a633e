"""Workspaces for product tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.product.workspace import TINY, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A fresh workspace with the embedded data set and ``configs/tiny.yaml``."""
    made = Workspace.create(tmp_path / "checkout")
    made.call("podium", "data", "restore")
    (made.root / "configs" / "tiny.yaml").write_text(TINY)
    return made


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace in which the quickstart ran once, and what it printed."""
    made = Workspace.create(tmp_path_factory.mktemp("quickstart") / "checkout")
    made.call("podium", "data", "restore")
    return made, made.call("podium", "run", "configs/quickstart.yaml")

"""A hundred processes are killed amid what they do with registry and log; what is promoted is always what was decided.

:mod:`tests.kills.invariants` tells what is looked at after each kill and after each recovery.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kills.enough import lacking
from tests.registry.fixtures import database, mlflow_database, postgres_server
from tests.registry.postgres import Database

__all__ = ["database", "mlflow_database", "postgres_server"]

pytestmark = pytest.mark.slow

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # SIGKILL does not ask for the disk


def kill(template: Path, count: int, seed: int, *uri: str) -> list[dict[str, str | int]]:
    """Where each kill struck; fails with the first thing that was broken."""
    quiet = {
        "OMP_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    with TemporaryDirectory(dir=MEMORY, prefix="podium-kills-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.kills.killing", folder, str(template), str(count), str(seed), *uri],
            cwd=Path(__file__).parents[2], env=os.environ | quiet, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    kills: list[dict[str, str | int]] = json.loads(done.stdout)
    for name in ("operation", "kind", "crowd", "recovery", "pending"):
        print(name, dict(Counter(kill[name] for kill in kills)))  # noqa: T201 (pytest shows it with -s)
    return kills


def test_on_sqlite(mlflow_database: Path) -> None:
    assert lacking(kill(mlflow_database, 100, 8), 100, thorough=True) == []


def test_on_postgresql(mlflow_database: Path, database: Database) -> None:
    assert lacking(kill(mlflow_database, 15, 7, database.uri), 15, thorough=False) == []

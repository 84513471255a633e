"""The fixtures of the registry, and the command with what it compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from podium.cli.drift import drift
from podium.errors import PodiumError
from tests.drift.made import made_dataset, made_files, made_images
from tests.registry.fixtures import house, mlflow_database

__all__ = ["cli", "house", "mlflow_database", "sides"]

Cli = Any


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.delenv("PODIUM_TRACKING_URI", raising=False)
    app = typer.Typer()
    app.command()(drift)

    def run(*arguments: object, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if isinstance(result.exception, PodiumError):
            raise result.exception
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    return run


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference, the same anew, and a darker one without blue."""
    folder = tmp_path_factory.mktemp("sides")
    made_dataset(folder / "reference", *made_images(220, 1))
    made_dataset(folder / "same", *made_images(220, 2))
    images, labels = made_images(400, 3)
    kept = labels != 2
    made_dataset(folder / "other", (images[kept] * 0.7).astype(np.uint8), labels[kept])
    made_files(folder / "files", made_images(150, 4)[0])
    return folder

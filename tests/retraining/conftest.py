"""A checkout with a small data set, and a retraining."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from podium.config.retraining import RetrainingConfig
from podium.settings import Settings
from tests.conftest import ROOT
from tests.retraining.made import put


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "configs", root / "configs")
    put(root / "data", 0)
    return Settings.from_environment({"PODIUM_ROOT": str(root)})


@pytest.fixture
def config() -> RetrainingConfig:
    return RetrainingConfig.model_validate({"name": "weekly", "candidates": [{"recipe": "simple_cnn"}]})

"""Weights of the transfer network used here: random tensors, for the mechanism only."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.models import WeightsStore

from ..models.helpers import write_weights


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    write_weights(tmp_path / "weights", "small", depth=8, width=4)
    return WeightsStore(tmp_path / "weights")

"""Weights of the transfer network used here: random tensors, for the mechanism only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.models import WeightsStore
from podium.training.threads import cpu_threads

from ..models.helpers import write_weights


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    write_weights(tmp_path / "weights", "small", depth=8, width=4)
    return WeightsStore(tmp_path / "weights")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tensors this small are slower on several threads, most of all on a busy machine."""
    with cpu_threads(1):
        yield

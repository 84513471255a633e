"""What a training is known by: what changes its result, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from podium.models import WeightsStore
from podium.orchestration import training
from podium.orchestration.training import candidate_key
from podium.settings import Settings
from podium.training.identity import identity

from ..models.helpers import contract
from .helpers import candidate


@pytest.mark.parametrize(("device", "same"), [("cpu", False), ("cuda", True)])
def test_threads_count_on_the_cpu_alone(
    device: str, same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = torch.device(device)
    monkeypatch.setattr(training, "default_device", lambda: where)
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path)})
    one, two, other = candidate(threads=1), candidate(threads=2), candidate(threads=1, seed=4)

    def keys(chosen) -> tuple[str, str]:
        rest = contract(), "d", WeightsStore(), where
        return identity(chosen, *rest), candidate_key(chosen, "d", "c", settings)

    assert (keys(one) == keys(two)) == same
    assert all(a != b for a, b in zip(keys(one), keys(other), strict=True))
    assert keys(one)[0] != identity(one, contract(), "d", WeightsStore(), torch.device("meta"))

"""cuDNN chooses its kernels by trial while networks are trained on a GPU, and only then."""

from __future__ import annotations

import pytest
import torch
from torch.backends import cudnn

from podium.data import Dataset
from podium.models.contracts import contract_for
from podium.training import engine
from podium.training.kernels import fastest_kernels

from .helpers import candidate


@pytest.mark.parametrize("before", [False, True])
def test_the_flag_is_put_back_after_the_last_training(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cudnn, "benchmark", before)
    first, second = fastest_kernels(torch.device("cuda")), fastest_kernels(torch.device("cuda", 1))
    first.__enter__()
    second.__enter__()
    assert cudnn.benchmark
    first.__exit__(None, None, None)
    assert cudnn.benchmark
    second.__exit__(None, None, None)
    assert cudnn.benchmark == before


@pytest.mark.parametrize(("device", "expected"), [("cpu", False), ("cuda", True)])
def test_a_training_sets_it_on_a_gpu_alone(
    device: str, expected: bool, small_dataset: Dataset, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(cudnn, "benchmark", False)
    monkeypatch.setattr(engine, "default_device", lambda: torch.device(device))
    monkeypatch.setattr(engine, "fit", lambda *_, **__: seen.append(cudnn.benchmark))
    chosen = candidate()
    engine.train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=tmp_path / "w")
    assert seen == [expected]
    assert not cudnn.benchmark

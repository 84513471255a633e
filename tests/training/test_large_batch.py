"""A batch of more images than the data set has takes what the data set takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from podium.data import Dataset
from podium.models import build
from podium.models.contracts import contract_for
from podium.training import session, train
from podium.training.execution import Execution
from podium.training.job import Job
from podium.training.session import Session

from .helpers import candidate, same

IMAGES = 96
"""Of the training split."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], int, str]]:
    """Of each measurement that was asked for: the sample's shape, forward passes of the training, the key."""
    calls = []

    def tune(net: object, sample: tuple[Tensor, Tensor], trainer: object, steps: int, **rest: Any) -> Execution:
        calls.append((tuple(sample[0].shape), steps, rest["key"]))
        return Execution()

    monkeypatch.setattr(session, "tune", tune)
    return calls


def opened(dataset: Dataset, **trainer: Any) -> Session:
    chosen = candidate(epochs=2, **trainer)
    contract = contract_for(chosen, dataset.manifest)
    net = build(chosen.recipe.model, contract, seed=1)
    return Session(Job(chosen, contract, dataset, torch.device("cpu"), Path("unused")), net)


def test_it_is_measured_with_the_images_that_there_are(
    small_dataset: Dataset, asked: list[tuple[tuple[int, ...], int, str]]
) -> None:
    for batch_size in (1_000_000, IMAGES, 32):
        opened(small_dataset, batch_size=batch_size).tune(None, bool)
    assert [shape[0] for shape, _, _ in asked] == [IMAGES, IMAGES, 32]
    assert [steps for _, steps, _ in asked] == [2, 2, 6]
    keys = [key for _, _, key in asked]
    assert keys[0] == keys[1] != keys[2], "what was measured is kept for all batches that are the same in fact"


def test_it_is_measured_in_parts(small_dataset: Dataset, asked: list[tuple[tuple[int, ...], int, str]]) -> None:
    opened(small_dataset, batch_size=960_000, micro_batch=12).tune(None, bool)
    assert asked[0][:2] == ((12, 3, 32, 32), 2 * 8)


def test_compiled_code_is_for_the_images_that_there_are(small_dataset: Dataset) -> None:
    assert opened(small_dataset, batch_size=1_000_000).begin(Execution()).runner.batch_size == IMAGES


def test_it_gives_the_bits_of_a_batch_of_all_images(small_dataset: Dataset, tmp_path: Path) -> None:
    bundles = []
    for batch_size in (1_000_000, IMAGES):
        chosen = candidate(epochs=2, batch_size=batch_size, augment={"crop": 2})
        contract = contract_for(chosen, small_dataset.manifest)
        bundles.append(train(chosen, small_dataset, contract, work=tmp_path / str(batch_size)))
    assert same(*bundles)

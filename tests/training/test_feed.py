"""Images on their way to the device: resident or streamed, the same batches."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from podium.data import Dataset, Split
from podium.models.contracts import contract_for
from podium.training import feed, train
from podium.training.feed import Resident, Streamed, open_feed

from .helpers import candidate, same
from .test_engine import FULL

CPU = torch.device("cpu")


@pytest.fixture
def split(small_dataset: Dataset) -> Split:
    return small_dataset["train"]


@pytest.mark.parametrize("kind", [Resident, Streamed])
@pytest.mark.parametrize("first", [0, 2, 9, 10])
def test_batches_are_the_images_of_the_order(kind: type[feed.Feed], first: int, split: Split) -> None:
    opened = kind(split, CPU)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(1))
    batches = list(opened.batches(order, 10, first))
    assert opened.steps(10) == 10
    assert [len(batch.places) for batch in batches] == [10, 10, 10, 10, 10, 10, 10, 10, 10, 6][first:]
    expected = order[first * 10 :].numpy()
    if batches:
        assert np.array_equal(torch.cat([batch.places for batch in batches]), expected)
        assert np.array_equal(torch.cat([batch.images for batch in batches]), split.images[expected])
        assert np.array_equal(torch.cat([batch.labels for batch in batches]), split.labels[expected])


@pytest.mark.parametrize("kind", [Resident, Streamed])
@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(97, 16, [16, 16, 16, 16, 16, 17]), (98, 48, [48, 48, 2]), (3, 1, [1, 1, 1]), (1, 16, [1]), (17, 16, [17])],
)
def test_no_image_is_left_alone(kind: type[feed.Feed], count: int, size: int, sizes: list[int], split: Split) -> None:
    several = Split(np.concatenate([split.images] * 2)[:count], np.concatenate([split.labels] * 2)[:count])
    opened = kind(several, CPU)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    for first in (0, len(sizes) - 1):
        batches = list(opened.batches(order, size, first))
        assert [len(batch.places) for batch in batches] == sizes[first:]
        assert torch.equal(torch.cat([batch.places for batch in batches]), order[sum(sizes[:first]) :])
    assert opened.steps(size) == len(sizes)


@pytest.mark.parametrize("kind", [Resident, Streamed])
def test_a_split_is_given_in_order(kind: type[feed.Feed], split: Split) -> None:
    batches = list(kind(split, CPU).in_order(25))
    assert np.array_equal(torch.cat([batch.places for batch in batches]), np.arange(96))
    assert np.array_equal(torch.cat([batch.images for batch in batches]), split.images)
    assert np.array_equal(torch.cat([batch.labels for batch in batches]), split.labels)


def test_what_does_not_fit_is_streamed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, kind in (
        (64 << 30, Resident),
        (split.images.nbytes * 4 // 3 + 4, Resident),  # a quarter is left
        (split.images.nbytes * 4 // 3 - 4, Streamed),
    ):
        monkeypatch.setattr(feed, "free_memory", lambda _, free=free: free)
        assert isinstance(open_feed(split, CPU), kind)


@pytest.mark.slow
def test_streamed_images_give_the_same_bits(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = candidate("blocks", **FULL)
    contract = contract_for(chosen, small_dataset.manifest)
    resident = train(chosen, small_dataset, contract, work=tmp_path / "resident")
    monkeypatch.setattr(feed, "free_memory", lambda _: 0)
    monkeypatch.setattr(Resident, "batches", None)
    streamed = train(chosen, small_dataset, contract, work=tmp_path / "streamed")
    assert same(resident, streamed)


def test_the_thread_of_a_stream_ends_with_it(split: Split) -> None:
    before = threading.active_count()
    batches = Streamed(split, CPU).batches(torch.arange(96), 4)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_what_the_thread_dies_of_is_raised(split: Split) -> None:
    with pytest.raises(IndexError):
        list(Streamed(split, CPU).batches(torch.tensor([0, 96]), 1))

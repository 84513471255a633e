"""Stratified splits."""

import numpy as np
import pytest

from podium.data import pieces, splits
from podium.data.splits import stratified_split
from podium.errors import DataError

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def labels() -> np.ndarray:
    return np.repeat(np.arange(3), (100, 40, 60)).astype(np.int64)


def test_every_image_is_in_one_split_and_each_class_in_proportion():
    parts = stratified_split(labels(), SHARES, 0)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(200))
    assert [np.bincount(labels()[part]).tolist() for part in parts.values()] == [[70, 28, 42], [15, 6, 9], [15, 6, 9]]
    assert all((np.diff(part) > 0).all() for part in parts.values())


def test_the_seed_alone_decides():
    assert (
        stratified_split(labels(), SHARES, 1)["test"].tolist() == stratified_split(labels(), SHARES, 1)["test"].tolist()
    )
    assert (
        stratified_split(labels(), SHARES, 1)["test"].tolist() != stratified_split(labels(), SHARES, 2)["test"].tolist()
    )
    assert stratified_split(np.zeros(10, np.int64), {"a": 0.5, "b": 0.5}, 0)["b"].tolist() == [1, 2, 3, 5, 8]


def test_groups_stay_together_even_with_different_labels():
    groups = np.arange(200)
    groups[[3, 50, 99]] = 3
    groups[[10, 120]] = 10
    for seed in range(20):
        parts = stratified_split(labels(), SHARES, seed, groups=groups)
        where = {index: split for split, part in parts.items() for index in part.tolist()}
        assert len(where) == 200
        assert len({where[3], where[50], where[99]}) == 1
        assert where[10] == where[120]


def test_a_class_that_is_too_small_is_named():
    with pytest.raises(DataError, match="class 1 has 2 distinct images"):
        stratified_split(np.array([0] * 50 + [1] * 2), SHARES, 0)
    with pytest.raises(DataError, match="class 0 has 1 distinct image"):
        stratified_split(np.zeros(50, np.int64), SHARES, 0, groups=np.zeros(50, np.int64))


@pytest.mark.parametrize("sizes", [[1, 1, 1], [3, 3, 1, 1, 1], [1, 2, 6], [5, 1, 1, 1]])
def test_a_small_class_of_as_many_groups_as_splits_reaches_all_of_them(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(10):
        parts = stratified_split(np.zeros(len(groups), np.int64), SHARES, seed, groups=groups)
        assert all(len(part) for part in parts.values())
        assert sum(len(set(groups[part])) for part in parts.values()) == len(sizes)


@pytest.mark.parametrize("shares", [{"train": 0.7, "test": 0.2}, {"train": 1.2, "test": -0.2}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(DataError, match="shares"):
        stratified_split(labels(), shares, 0)


def test_the_order_does_not_depend_on_how_many_images_are_ranked_at_once(monkeypatch):
    wanted = stratified_split(labels(), SHARES, 5)
    monkeypatch.setattr(splits, "_BLOCK", 7)
    for split, images in stratified_split(labels(), SHARES, 5).items():
        assert images.tolist() == wanted[split].tolist()


@pytest.mark.parametrize("seed", range(20))
def test_groups_fill_the_splits_as_one_after_the_other_would(seed):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        sizes = np.where(rng.random(rng.integers(1, 30)) < 0.8, 1, rng.integers(2, 9)).astype(np.int32)
        room = rng.multinomial(int(sizes.sum()), rng.dirichlet(np.ones(rng.integers(1, 4)))).tolist()
        assert splits._fill(sizes, room).tolist() == one_after_the_other(sizes.tolist(), list(room))


def one_after_the_other(sizes, room):
    empty, chosen = set(range(len(room))), []
    for place, size in enumerate(sizes):
        fits = [i for i, free in enumerate(room) if free >= size]
        split = fits[0] if fits else room.index(max(room))
        if empty and len(empty) == len(sizes) - place:
            split = min(empty)
        empty.discard(split)
        chosen.append(split)
        room[split] -= size
    return chosen


def test_numbers_of_groups_may_be_any(monkeypatch):
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 60, 200)
    wanted = stratified_split(labels(), SHARES, 0, groups=groups)
    for other in (groups * 7 - 100, rng.permutation(60)[groups]):
        found = stratified_split(labels(), SHARES, 0, groups=other)
        assert all(found[split].tolist() == wanted[split].tolist() for split in wanted)
    monkeypatch.setattr(pieces, "_PIECE", 10)
    found = stratified_split(labels(), SHARES, 0, groups=groups)
    assert all(found[split].tolist() == wanted[split].tolist() for split in wanted)

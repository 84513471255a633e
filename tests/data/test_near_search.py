"""The search for candidates: the same whatever the machine, bounded, and joined as SciPy would."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from podium.data import near_search, pieces, registration
from podium.data.duplicates import by_first_appearance
from podium.data.near import describe, near_groups, near_pairs
from podium.data.near_search import connect, search
from podium.data.registration import Judge
from podium.data.rows import FileRows
from podium.data.sketches import MARK, mark

COUNT = 3000


@pytest.fixture(scope="module")
def descriptors():
    """Blurred noise, every tenth image again with a little noise."""
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 256, (COUNT, 6, 6, 3)).repeat(4, 1).repeat(4, 2)
    images = sum(np.roll(cells, step, axis) for step in range(4) for axis in (1, 2)) // 8
    images[1::10] = images[::10] + rng.integers(-3, 4, images[::10].shape)
    return describe(images.clip(0, 255).astype(np.uint8))


def marks(hashes):
    """Of images of these hashes, without a sketch."""
    found = FileRows(len(hashes), MARK)
    for number, value in enumerate(hashes):
        hash_bytes = np.frombuffer(value.to_bytes(8, "big"), np.uint8)[None]
        nothing = np.zeros((1, 144), np.uint8)
        found.write(number, mark(hash_bytes, number, nothing, nothing[:, :32], np.ones(1, np.float32)))
    return found


class Agreeing:
    """Says of every pair that it is the same picture, and counts."""

    def __init__(self):
        self.pairs = []

    def same(self, pairs, sketches, left, right):
        self.pairs.append(pairs)
        return np.full(len(pairs), self.answer)

    answer = True


class Refusing(Agreeing):
    answer = False


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 3])
def test_what_is_found_depends_on_no_number_of_cores(descriptors, monkeypatch, cores):
    wanted = near_pairs(descriptors)
    assert len(wanted) >= COUNT // 10
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert near_pairs(descriptors).tolist() == wanted.tolist()


@pytest.mark.slow
def test_copies_are_found_across_the_borders_of_chunks(descriptors, monkeypatch):
    wanted = near_groups(descriptors)
    assert (wanted[::10] == wanted[1::10]).mean() > 0.99
    monkeypatch.setattr(near_search, "_CHUNK", 700)
    assert (near_groups(descriptors) == wanted).all()


@pytest.mark.slow
def test_what_is_found_depends_on_no_size_of_a_piece(descriptors, monkeypatch):
    wanted = near_pairs(descriptors)
    monkeypatch.setattr(pieces, "_PIECE", 100)
    monkeypatch.setattr(pieces, "_BLOCK", 70)
    monkeypatch.setattr(pieces, "_MOST_PIECES", 1000)
    assert near_pairs(descriptors).tolist() == wanted.tolist()


@pytest.mark.slow
def test_sketches_leave_out_no_pair_that_is_near(descriptors, monkeypatch):
    wanted = near_pairs(descriptors)
    judge = Judge(descriptors)
    pairs = np.random.default_rng(2).integers(0, COUNT, (20_000, 2))
    pairs[:300] = np.stack([np.arange(0, 3000, 10), np.arange(1, 3000, 10)], 1)
    quick = judge.residuals(pairs)
    everything = lambda left, right, raw, color: np.ones(len(left.means), bool)  # noqa: E731
    monkeypatch.setattr(registration, "may_be_near", everything)
    assert np.array_equal(judge.residuals(pairs), quick)
    assert np.isfinite(quick).sum() >= 100
    assert near_pairs(descriptors).tolist() == wanted.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("judge", [Agreeing, Refusing])
def test_comparisons_and_links_of_an_image_are_bounded(judge, monkeypatch):
    monkeypatch.setattr(near_search, "_CHUNK", 2000)
    judge = judge()
    found = list(search(marks([12345] * 400), judge))
    tried = np.concatenate(judge.pairs)
    assert (tried[:, 0] != tried[:, 1]).all()
    assert np.bincount(tried[:, 0]).max() <= 48
    if judge.answer:
        assert all(np.bincount(pairs[:, 0], minlength=1).max(initial=0) <= 2 for pairs in found)
        assert connect(np.arange(400, dtype=np.int32), np.concatenate(found)).tolist() == [0] * 400
        assert len(tried) <= 5 * 400  # what is one group is compared no more
    else:
        assert sum(map(len, found)) == 0
        assert len(tried) > 40 * 400 / 2


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_few_images_are_compared(count):
    pairs = [pair for found in search(marks([0] * count), Agreeing()) for pair in found.tolist()]
    assert sorted(map(tuple, map(sorted, pairs))) == [(i, j) for j in range(count) for i in range(j)]


def test_images_of_very_different_hashes_are_not_compared():
    judge = Agreeing()
    list(search(marks([0, 0xFFFFFFFFFF]), judge))  # equal in all bands, 40 bits apart
    assert sum(map(len, judge.pairs)) == 0


@pytest.mark.parametrize("shape", ["random", "chain", "star", "none"])
def test_groups_are_joined_as_a_graph_is(shape):
    rng = np.random.default_rng(1)
    count = 2000
    order = rng.permutation(count)
    pairs = {
        "random": rng.integers(0, count, (900, 2)),
        "chain": np.stack([order[:-1], order[1:]], 1),
        "star": np.stack([np.full(count, 7), order], 1),
        "none": np.empty((0, 2), np.int64),
    }[shape]
    joined = connect(np.arange(count, dtype=np.int32), pairs)
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    wanted = by_first_appearance(connected_components(graph, directed=False)[1].astype(np.int64))
    assert by_first_appearance(joined.astype(np.int64)).tolist() == wanted.tolist()
    assert (joined <= np.arange(count)).all()
    assert (joined[joined] == joined).all()

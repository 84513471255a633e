"""The sort by pieces: what NumPy's sort of all at once gives, whatever the size of a piece."""

from __future__ import annotations

import numpy as np
import pytest

from podium.data import pieces
from podium.data.pieces import by_hash, by_key, ranges
from podium.data.rows import FileRows
from podium.data.sketches import MARK, hashes_of, mark, numbers_of, sketches_of

COUNT = 500


@pytest.fixture
def marks():
    """Of images with hashes that are often equal, or equal in the first 16 bits."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (COUNT, 8), np.uint8)
    hashes[:, :2] = rng.choice([0, 7, 255], (COUNT, 2))
    hashes[100:200] = hashes[:100]
    gray, color = rng.integers(0, 256, (COUNT, 144), np.uint8), rng.integers(0, 256, (COUNT, 32), np.uint8)
    rows = FileRows(COUNT, MARK)
    rows.write(0, mark(hashes, 0, gray, color, rng.random(COUNT).astype(np.float32)))
    return rows


@pytest.fixture(params=[(65_536, 16), (50, 1000), (50, 3), (1, 1000)], ids=str)
def size(request, monkeypatch):
    piece, most = request.param
    monkeypatch.setattr(pieces, "_PIECE", piece)
    monkeypatch.setattr(pieces, "_MOST_PIECES", most)
    monkeypatch.setattr(pieces, "_BLOCK", 64)


def test_marks_come_in_the_order_of_their_hashes(marks, size):
    wanted = np.argsort(hashes_of(marks[:]), kind="stable")
    ordered = by_hash(marks)[:]
    assert numbers_of(ordered).tolist() == wanted.tolist()
    assert (sketches_of(ordered).means == sketches_of(marks[:]).means[wanted]).all()


def test_marks_come_in_the_order_of_their_keys(marks, size):
    def key(hashes):
        return ((hashes >> np.uint64(3)) & np.uint64(15)).astype(np.uint16)

    keys = key(hashes_of(marks[:]))
    found = list(by_key(marks, key))
    assert numbers_of(np.concatenate(found)).tolist() == np.argsort(keys, kind="stable").tolist()
    held = [set(key(hashes_of(piece)).tolist()) for piece in found]
    assert sum(map(len, held)) == len(set(keys.tolist()))  # what shares a key is in one piece


def test_ranges_cover_every_key_once_and_are_few(size):
    for sizes in ([], [0, 0], [3, 0, 90, 0, 0, 2, 49, 1], [0, 10_000, 1], [1] * 300):
        found = list(ranges(np.array(sizes, np.int64)))
        inside = [key for low, high in found for key in range(low, high + 1)]
        assert len(inside) == len(set(inside))
        assert sum(sizes[key] for key in inside) == sum(sizes)
        assert all(sum(sizes[low : high + 1]) for low, high in found)
        assert len(found) <= 2 * pieces._MOST_PIECES


def test_hashes_are_numbers_whose_highest_byte_comes_first():
    hashes = np.array([[0, 0, 0, 0, 0, 0, 1, 2], [128, 0, 0, 0, 0, 0, 0, 0]], np.uint8)
    nothing = np.zeros((2, 144), np.uint8)
    found = mark(hashes, 9, nothing, nothing[:, :32], np.ones(2, np.float32))
    assert hashes_of(found).tolist() == [258, 1 << 63]
    assert numbers_of(found).tolist() == [9, 10]

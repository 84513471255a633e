"""Rows in a temporary file are those of an array, and leave no file behind."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from podium.data import rows
from podium.data.duplicates import first_equal, number_digests, number_groups
from podium.data.rows import ChosenRows, FileRows, temporary_files
from podium.errors import DataError


@pytest.fixture(params=[1 << 24, 0], ids=["mapped", "unmapped"])
def pair(tmp_path, monkeypatch, request):
    """An array and the same in a file, whose mapping stays or goes."""
    monkeypatch.setattr(rows, "_MAPPED", request.param)
    array = np.random.default_rng(0).integers(0, 256, (500, 24), dtype=np.uint8)
    made = FileRows(500, 24, tmp_path)
    for start in range(0, 500, 130):
        made.write(start, array[start : start + 130])
    assert not any(tmp_path.iterdir())
    return array, made


def test_rows_are_read_as_from_an_array(pair):
    array, made = pair
    assert len(made) == 500
    numbers = np.random.default_rng(1).integers(0, 500, 300)
    for index in (
        slice(None),
        slice(3, 7),
        slice(490, 999),
        slice(7, 7),
        numbers,
        numbers[:0],
        numbers.astype(np.int32),
    ):
        assert np.array_equal(made[index], array[index])


def test_chosen_rows_are_read_as_from_an_array(pair):
    array, made = pair
    for numbers in (np.arange(10, 400), np.arange(0, 500, 7), np.array([1, 2, 499], np.int32)):
        chosen = ChosenRows(made, numbers)
        assert len(chosen) == len(numbers)
        for index in (slice(0, 2), slice(1, 50), np.array([2, 0, 1])):
            assert np.array_equal(chosen[index], array[numbers[index]])


def test_what_is_read_can_be_changed_and_the_file_stays(pair):
    array, made = pair
    made[:10][:] = 0
    made[np.arange(5)][:] = 0
    assert np.array_equal(made[:500], array)


@pytest.mark.parametrize(
    ("start", "block"),
    [(499, np.zeros((2, 24), np.uint8)), (0, np.zeros((2, 23), np.uint8)), (0, np.zeros((2, 24), np.int8))],
)
def test_rows_that_do_not_fit_are_refused(pair, start, block):
    with pytest.raises(ValueError, match="of 500×24"):
        pair[1].write(start, block)


def test_no_row_takes_no_space():
    assert len(FileRows(0, 184)[:10]) == 0


def test_a_full_disk_is_told_as_such():
    def fail(number):
        raise OSError(number, os.strerror(number))

    with pytest.raises(DataError, match="no space left for temporary files"), temporary_files():
        fail(errno.ENOSPC)
    with pytest.raises(OSError, match="Permission"), temporary_files():
        fail(errno.EACCES)


@pytest.mark.parametrize("count", [0, 1, 5, 3000])
def test_equal_keys_are_known_by_the_first(count, monkeypatch):
    monkeypatch.setattr("podium.data.duplicates._RANGE_BITS", 6)
    keys = np.random.default_rng(count).integers(0, 1 << 64, max(1, count // 2), np.uint64)
    keys = np.concatenate([keys, np.array([0, (1 << 64) - 1], np.uint64)])
    keys = keys[np.random.default_rng(1).integers(0, len(keys), count)]
    assert first_equal(keys).tolist() == [keys.tolist().index(key) for key in keys.tolist()]


@pytest.mark.parametrize("halves", ["different", "equal"])
def test_digests_are_numbered_as_by_a_dictionary(halves):
    digests = np.random.default_rng(0).integers(0, 9 if halves == "equal" else 1 << 60, (200, 2)).astype(np.uint64)
    digests = digests[np.random.default_rng(1).integers(0, 200, 400)]
    assert number_digests(digests).tolist() == number_groups([row.tobytes() for row in digests]).tolist()

"""On which test images champion and challenger are compared, and when they cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from podium.gate.comparison import Duel, Void
from podium.gate.opponents import Player, oppose

NAMES = ("left", "right")
TRUTH = np.array([0, 1, 0, 1])
ROWS = np.array([10, 11, 12, 13], np.uint64)


def seen(*rows: int) -> np.ndarray:
    return np.array(sorted(rows), np.uint64)


def play(challenger: np.ndarray | None, champion: np.ndarray | None) -> Duel | Void:
    new, old = np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1])
    return oppose(TRUTH, ROWS, Player(new, challenger), Player(old, champion), NAMES)


def test_both_answer_for_all_images_that_neither_has_seen() -> None:
    duel = play(seen(1, 2), seen(1, 3))
    assert isinstance(duel, Duel)
    pairs = duel.pairs()
    assert (pairs.both, pairs.challenger, pairs.champion, pairs.neither) == (1, 2, 1, 0)


def test_a_champion_that_saw_test_images_is_not_compared_with() -> None:
    found = play(seen(1), seen(1, 11, 13))
    assert isinstance(found, Void)
    assert found.seen == 2
    assert "trained or chosen on 2 of 4 test images" in found.reason


def test_repeats_within_the_data_are_left_out_for_both() -> None:
    duel = play(seen(1, 12), seen(1, 12))
    assert isinstance(duel, Duel)
    np.testing.assert_array_equal(duel.truth, [0, 1, 1])
    np.testing.assert_array_equal(duel.challenger, [0, 1, 0])
    np.testing.assert_array_equal(duel.champion, [0, 0, 1])


def test_what_the_champion_saw_beyond_the_repeats_voids_it_nevertheless() -> None:
    found = play(seen(1, 12), seen(12, 13))
    assert isinstance(found, Void)
    assert "1 of 3 test images" in found.reason


def test_a_champion_of_which_nobody_knows_is_not_taken_for_fair() -> None:
    found = play(seen(1), None)
    assert isinstance(found, Void)
    assert "nobody kept" in found.reason


def test_a_test_split_of_repeats_decides_nothing() -> None:
    found = play(seen(10, 11, 12, 13), seen(1))
    assert isinstance(found, Void)
    assert "every test image" in found.reason


def test_the_challengers_rows_have_to_be_known() -> None:
    with pytest.raises(ValueError, match="not known"):
        play(None, seen(1))

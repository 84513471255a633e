"""Class counts: SciPy where it has the test, brute force where it has not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from podium.drift.classes import class_table
from podium.drift.labels import (
    CHI_SQUARE,
    MONTE_CARLO,
    chi_square,
    homogeneity,
    is_sparse,
    label_tests,
    total_variation,
)


def table(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int64)


def test_large_counts_are_scipys_chi_square() -> None:
    counts = table([120, 80, 100], [90, 130, 70])
    expected = stats.chi2_contingency(counts, correction=False)
    statistic, p, method = homogeneity(counts, draws=99, seed=0)
    assert method == CHI_SQUARE
    assert (statistic, p) == pytest.approx((expected.statistic, expected.pvalue))


def test_classes_that_nobody_has_change_nothing() -> None:
    with_empty = homogeneity(table([120, 0, 80], [90, 0, 130]), draws=99, seed=0)
    assert with_empty == homogeneity(table([120, 80], [90, 130]), draws=99, seed=0)


def test_small_counts_get_the_permutation_distribution() -> None:
    counts = table([4, 1, 1], [0, 3, 3])
    images = np.repeat([0, 1, 2], counts.sum(axis=0))
    everything = []
    for chosen in combinations(range(12), 6):
        current = np.bincount(images[list(chosen)], minlength=3)
        everything.append(chi_square(np.stack([counts.sum(axis=0) - current, current])))
    exact = np.mean(np.array(everything) >= chi_square(counts) - 1e-9)
    _, p, method = homogeneity(counts, draws=20_000, seed=3)
    assert method == MONTE_CARLO
    assert p == pytest.approx(exact, rel=0.06)
    assert homogeneity(counts, draws=20_000, seed=3)[1] == p


def test_cochrans_rule() -> None:
    assert not is_sparse(table([50, 50, 50, 50, 6], [50, 50, 50, 50, 2]))  # two expected counts of ten are 4
    assert is_sparse(table([50, 50, 6, 6], [50, 50, 2, 2]))
    assert is_sparse(table([500] * 20 + [1], [500] * 20 + [0]))  # one expected count below 1


def test_total_variation() -> None:
    assert total_variation(table([10, 10], [5, 5])) == 0
    assert total_variation(table([10, 0], [0, 3])) == 1
    assert total_variation(table([50, 50], [60, 40])) == pytest.approx(0.1)


def test_missing_and_new_classes() -> None:
    counts = table([100, 100, 60, 0], [110, 120, 0, 30])
    shares, presence = label_tests(counts, ("a", "b", "c", "d"), minimum=0.05, draws=99, seed=0)
    fisher = stats.fisher_exact([[60, 200], [0, 260]]).pvalue
    assert presence.p_value == pytest.approx(4 * fisher)
    assert presence.detail == "class c missing; class d new"
    assert presence.effect_minimum == 0
    assert presence.effect == pytest.approx(60 / 260)
    assert shares.effect == pytest.approx(total_variation(counts))
    assert "c 23.1 → 0.0" in shares.detail


def test_a_rare_class_that_happens_to_be_absent_is_no_finding() -> None:
    presence = label_tests(table([300, 2], [300, 0]), ("a", "b"), minimum=0.05, draws=99, seed=0)[1]
    assert presence.p_value > 0.4
    whole = label_tests(table([300, 2], [300, 1]), ("a", "b"), minimum=0.05, draws=99, seed=0)[1]
    assert (whole.p_value, whole.detail) == (1, "")


def test_classes_are_matched_by_name() -> None:
    before = np.array([0, 0, 1]), ("cat", "dog")
    after = np.array([0, 1, 1, 2]), ("dog", "cow", "cat")
    found = class_table(before, after)
    assert found.names == ("cat", "dog", "cow")
    assert found.counts.tolist() == [[2, 1, 0], [1, 1, 2]]
    assert found.note == ""


def test_numbers_for_names_are_positions_and_it_is_told() -> None:
    found = class_table((np.array([0, 1]), ("cat", "dog")), (np.array([1, 2]), ("0", "1", "2")))
    assert found.names == ("cat", "dog", "2")
    assert found.counts.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert "no class names" in found.note
    digits = class_table((np.array([0, 1]), ("0", "1")), (np.array([1]), ("0", "1", "2")))
    assert digits.note == ""

"""Statistics of two models on the same images, against other ways to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from podium.gate.paired import Paired, better, different, interval, level_of, not_inferior

PAIRS = Paired(both=830, challenger=60, champion=45, neither=65)


def outcomes(pairs: Paired) -> tuple[np.ndarray, np.ndarray]:
    """Bool vectors that have these counts."""
    each = [(True, True), (True, False), (False, True), (False, False)]
    counts = [pairs.both, pairs.challenger, pairs.champion, pairs.neither]
    table = np.repeat(np.array(each), counts, axis=0)
    return table[:, 0], table[:, 1]


def test_counts_outcomes() -> None:
    assert Paired.of(*outcomes(PAIRS)) == PAIRS
    assert PAIRS.count == 1000
    assert PAIRS.difference == pytest.approx(0.015)


@pytest.mark.parametrize(
    ("new", "old"), [([True], [True, False]), ([], []), ([1, 0], [True, False]), ([[True]], [[True]])]
)
def test_what_is_no_pair_of_outcomes_is_refused(new: list[object], old: list[object]) -> None:
    with pytest.raises(ValueError, match="not two bool vectors"):
        Paired.of(np.array(new), np.array(old))


def test_mcnemar_counts_tosses() -> None:
    """Of 105 images on which they differ, 60 or more go to the challenger by chance so often."""
    tail = sum(math.comb(105, k) for k in range(60, 106)) / 2**105
    assert better(PAIRS) == pytest.approx(tail)
    assert different(PAIRS) == pytest.approx(2 * tail)
    assert better(Paired(both=9, challenger=0, champion=0, neither=1)) == 1.0


def test_interval_is_that_of_scipys_paired_bootstrap() -> None:
    new, old = outcomes(PAIRS)
    other = stats.bootstrap(
        (new.astype(float), old.astype(float)), lambda a, b, axis: (a - b).mean(axis=axis), paired=True,
        vectorized=True, method="percentile", n_resamples=4000, batch=500, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    low, high = interval(PAIRS, 0.95, seed=0)
    assert low == pytest.approx(other.low, abs=0.0015)
    assert high == pytest.approx(other.high, abs=0.0015)
    assert interval(PAIRS, 0.95, seed=0) == (low, high)
    assert interval(PAIRS, 0.99, seed=0)[0] < low


def test_the_interval_of_a_late_decision_is_not_cut_short() -> None:
    """Of the twelfth: as wide as the normal distribution has it, which least and greatest of 9,999 draws are not."""
    level = 1 - 2 * level_of(12, 0.05)
    low, high = interval(PAIRS, level, seed=0)
    share = (PAIRS.challenger + PAIRS.champion) / PAIRS.count
    deviation = math.sqrt((share - PAIRS.difference**2) / PAIRS.count)
    wide = stats.norm.isf(level_of(12, 0.05)) * deviation
    assert low == pytest.approx(PAIRS.difference - wide, abs=0.04 * wide)
    assert high == pytest.approx(PAIRS.difference + wide, abs=0.04 * wide)


counts = st.integers(0, 400)


@pytest.mark.slow
@given(both=counts, new=counts, old=counts, neither=counts, level=st.floats(0.5, 0.999))
def test_interval_contains_the_difference(both: int, new: int, old: int, neither: int, level: float) -> None:
    pairs = Paired(both=both + 1, challenger=new, champion=old, neither=neither)
    low, high = interval(pairs, level, seed=3, resamples=99)
    assert -1 <= low <= pairs.difference <= high <= 1


def score(pairs: Paired, margin: float) -> float:
    """The score statistic with the likelihood's maximum found by a search instead of a formula."""
    n, b, c, shift = pairs.count, pairs.challenger, pairs.champion, -margin
    found = optimize.minimize_scalar(
        lambda q: -(b * np.log(q + shift) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - shift)),
        bounds=(margin + 1e-12, (1 - shift) / 2 - 1e-12), method="bounded", options={"xatol": 1e-13},
    )  # fmt: skip
    return float(stats.norm.sf((b - c - n * shift) / math.sqrt(n * (2 * found.x + shift - shift * shift))))


@pytest.mark.parametrize("margin", [0.005, 0.03, 0.2])
@pytest.mark.parametrize(("n", "new", "old"), [(1000, 60, 45), (1000, 45, 60), (10_000, 300, 310), (50, 1, 2)])
def test_non_inferiority_is_the_score_test(n: int, new: int, old: int, margin: float) -> None:
    pairs = Paired(both=n - new - old, challenger=new, champion=old, neither=0)
    assert not_inferior(pairs, margin) == pytest.approx(score(pairs, margin), abs=1e-6)


@pytest.mark.slow
def test_non_inferiority_errs_as_often_as_it_says() -> None:
    """A challenger that is worse by exactly the margin is called not worse in 5 % of test splits."""
    drawn = np.random.default_rng(0).multinomial(2000, [0.88, 0.02, 0.04, 0.06], size=4000)
    chances = [not_inferior(Paired(both=a, challenger=b, champion=c, neither=d), 0.02) for a, b, c, d in drawn.tolist()]
    assert np.mean(np.array(chances) <= 0.05) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_margins_lie_between_0_and_1(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        not_inferior(PAIRS, margin)


def test_decisions_on_one_test_split_spend_its_level_once() -> None:
    levels = [level_of(use, 0.05) for use in range(1, 20_000)]
    assert levels[0] == pytest.approx(0.04)
    assert sorted(levels, reverse=True) == levels
    assert 0.0499 < sum(levels) < 0.05
    with pytest.raises(ValueError, match="count from 1"):
        level_of(0, 0.05)

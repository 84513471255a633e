from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from podium.evaluation.metrics import wilson_interval
from podium.evaluation.records import Slice
from podium.evaluation.slices import slices

RNG = np.random.default_rng(0)


def grays(levels: np.ndarray, spread: int = 0) -> np.ndarray:
    """Images of one gray level each, half of their pixels brighter by ``spread`` and half darker."""
    images = np.repeat(levels.astype(np.int64), 16).reshape(-1, 4, 4, 1).repeat(3, axis=3)
    images[:, :2] += spread
    images[:, 2:] -= spread
    return images.astype(np.uint8)


def named(found: tuple[Slice, ...], kind: str, name: str) -> Slice:
    return next(one for one in found if (one.kind, one.name) == (kind, name))


def test_thirds_are_the_splits_own_and_figures_are_counts() -> None:
    images = grays(np.arange(90))
    truth = np.zeros(90, np.int64)
    predicted = np.zeros(90, np.int64)
    predicted[:20] = 1
    found = slices(images, truth, predicted, ("a", "b"))
    low, middle, high = (named(found, "brightness", name) for name in ("low", "middle", "high"))
    assert (low.count, middle.count, high.count) == (30, 30, 30)
    assert (low.accuracy, middle.accuracy, high.accuracy, low.rest) == (10 / 30, 1, 1, 1)
    assert (low.low, high.high) == (0, pytest.approx(89 / 255, abs=1e-6))
    assert low.high == middle.low == pytest.approx(89 / 3 / 255, abs=1e-6)
    assert (low.accuracy_low, low.accuracy_high) == wilson_interval(10, 30)
    assert [one.weak for one in (low, middle, high)] == [True, False, False]


def test_p_values_are_fishers_and_holms() -> None:
    images = grays(RNG.integers(30, 200, 120), 20)
    truth = RNG.integers(0, 3, 120)
    predicted = np.where(RNG.random(120) < 0.7, truth, (truth + 1) % 3)
    found = slices(images, truth, predicted, ("a", "b", "c"))
    for label, name in enumerate("abc"):
        inside, correct = truth == label, predicted == truth
        table = [[np.sum(part & side) for side in (correct, ~correct)] for part in (inside, ~inside)]
        assert named(found, "class", name).p_value == pytest.approx(fisher_exact(table, "less").pvalue)
    smallest = min(found, key=lambda one: one.p_value)
    assert smallest.p_adjusted == pytest.approx(min(1, smallest.p_value * len(found)))


def test_a_weak_class_and_low_contrast_are_found_and_nothing_else() -> None:
    spread = np.tile([5, 40, 80], 200)
    images = np.concatenate([grays(np.array([128]), one) for one in spread])
    truth = np.repeat(np.arange(4), 150)
    bad = np.where(spread == 5, 0.5, 0.05) + np.where(truth == 2, 0.4, 0)
    predicted = np.where(RNG.random(600) < bad, (truth + 1) % 4, truth)
    weak = {(one.kind, one.name) for one in slices(images, truth, predicted, tuple("abcd")) if one.weak}
    assert weak == {("contrast", "low"), ("class", "c")}


@pytest.mark.slow
def test_equal_slices_are_rarely_marked() -> None:
    marked = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        images, truth = grays(rng.integers(40, 200, 90), 10), rng.integers(0, 3, 90)
        predicted = np.where(rng.random(90) < 0.8, truth, (truth + 1) % 3)
        marked += any(one.weak for one in slices(images, truth, predicted, ("a", "b", "c")))
    assert marked <= 18  # 5 % of 200 is 10; more than 18 has a chance of 0.6 %


def test_where_all_images_are_alike_there_is_one_slice_and_no_rest() -> None:
    found = slices(grays(np.full(5, 9)), np.zeros(5, np.int64), np.zeros(5, np.int64), ("a", "b"))
    assert [(one.kind, one.name, one.count, one.rest) for one in found] == [
        ("brightness", "low", 5, None),
        ("contrast", "low", 5, None),
        ("class", "a", 5, None),
    ]
    assert not any(one.weak for one in found)


@pytest.mark.parametrize("count", [0, 3])
def test_what_does_not_fit_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="images, labels"):
        slices(grays(np.zeros(count)), np.zeros(4, np.int64)[: 2 if count else 0], np.zeros(2, np.int64), ("a",))

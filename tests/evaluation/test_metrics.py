from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from podium.errors import TrainingFailed
from podium.evaluation import cross_entropy, metrics_from_probabilities, wilson_interval
from podium.results import Metrics

NAMES = ("a", "b", "c")


def measure(probabilities: object, labels: object, names: tuple[str, ...] = NAMES) -> Metrics:
    return metrics_from_probabilities(
        np.asarray(probabilities, np.float32),
        np.asarray(labels, np.int64),
        candidate="net",
        split="test",
        data_digest="0" * 64,
        class_names=names,
    )


def test_figures_equal_those_computed_by_hand() -> None:
    # true a: a, a, b; true b: b; true c: a
    table = [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.5, 0.25, 0.25]]
    metrics = measure(table, [0, 0, 0, 1, 2])
    assert metrics.confusion == ((2, 1, 0), (0, 1, 0), (1, 0, 0))
    assert metrics.accuracy == 3 / 5
    a, b, c = metrics.per_class
    assert (a.precision, a.recall, a.support) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (b.precision, b.recall, b.f1, b.support) == (0.5, 1.0, pytest.approx(2 / 3), 1)
    assert (c.precision, c.recall, c.f1, c.support) == (0.0, 0.0, 0.0, 1)
    assert metrics.macro_precision == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.macro_recall == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics.weighted_precision == pytest.approx((3 * 2 / 3 + 1 / 2 + 0) / 5)
    assert metrics.weighted_recall == pytest.approx(3 / 5)
    assert metrics.weighted_f1 == pytest.approx((3 * 2 / 3 + 2 / 3 + 0) / 5)
    expected = -(math.log(0.7) + math.log(0.5) + math.log(0.1) + math.log(0.6) + math.log(0.25)) / 5
    assert metrics.loss == pytest.approx(expected, rel=1e-6)


def test_averages_leave_out_classes_without_images() -> None:
    metrics = measure([[1, 0, 0], [0, 1, 0]], [0, 1])
    assert metrics.macro_recall == metrics.macro_f1 == 1.0
    assert metrics.per_class[2].support == 0


def test_a_sure_mistake_costs_much_but_not_infinity() -> None:
    assert cross_entropy(np.array([[1.0, 0.0]], np.float32), np.array([1])) == pytest.approx(15.942385)


# Newcombe (1998), table I: Wilson's score intervals.
@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_equal_the_published_ones(correct: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(correct, count) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.slow
@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_wilson_interval_contains_its_share_and_mirrors(pair: tuple[int, int]) -> None:
    correct, count = pair
    low, high = wilson_interval(correct, count)
    assert 0 <= low <= correct / count <= high <= 1
    assert high - low > 0
    mirrored = wilson_interval(count - correct, count)
    assert (1 - high, 1 - low) == (pytest.approx(mirrored[0], abs=1e-12), pytest.approx(mirrored[1], abs=1e-12))


@pytest.mark.parametrize(("correct", "count"), [(0, 0), (-1, 5), (6, 5)])
def test_no_interval_of_what_is_no_proportion(correct: int, count: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(correct, count)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6))
def test_figures_agree_with_each_other(seed: int, count: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(classes, 0.5), count).astype(np.float32)
    labels = rng.integers(0, classes, count)
    metrics = measure(table, labels, tuple(f"class {i}" for i in range(classes)))
    confusion = np.array(metrics.confusion)
    assert confusion.sum() == metrics.count == count
    assert [c.support for c in metrics.per_class] == confusion.sum(axis=1).tolist()
    assert metrics.accuracy == np.trace(confusion) / count
    assert metrics.accuracy_low <= metrics.accuracy <= metrics.accuracy_high
    for i, entry in enumerate(metrics.per_class):
        if entry.support:
            assert entry.recall == pytest.approx(confusion[i, i] / entry.support)
    assert metrics.weighted_recall == pytest.approx(metrics.accuracy)
    assert 0 <= metrics.ece <= 1
    assert sum(entry.count for entry in metrics.reliability) == count
    assert metrics.loss == pytest.approx(log_loss(labels, table, labels=range(classes)), rel=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_network_is_a_failed_candidate(value: float) -> None:
    with pytest.raises(TrainingFailed, match="net on test: 1 of 2 predictions are not finite"):
        measure([[1, 0, 0], [value, 0, 0]], [0, 1])


@pytest.mark.parametrize(
    ("table", "labels", "message"),
    [
        ([[0.5, 0.5]], [0], "N×3"),
        ([[1, 0, 0]], [0, 1], "labels are"),
        ([[1, 0, 0]], [3], "3 classes"),
        ([[1, 0, 0]], [-1], "3 classes"),
        ([[2, 0, 0]], [0], "no probabilities"),
        ([[1.5, -0.5, 0]], [0], "no probabilities"),
        (np.empty((0, 3)), [], "no images"),
    ],
)
def test_what_is_no_prediction_is_refused(table: object, labels: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(table, labels)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from podium.evaluation.calibration import brier_score, expected_calibration_error, reliability


def test_bins_equal_those_computed_by_hand() -> None:
    table = np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6], [0.5, 0.5]], np.float32)
    diagram = reliability(table, np.array([0, 1, 1, 1]), bins=2)
    assert [(b.low, b.high, b.count) for b in diagram] == [(0, 0.5, 1), (0.5, 1, 3)]
    assert (diagram[0].confidence, diagram[0].accuracy) == (0.5, 0)
    assert diagram[1].confidence == pytest.approx((0.9 + 0.95 + 0.6) / 3)
    assert diagram[1].accuracy == pytest.approx(2 / 3)
    gap = abs((0.9 + 0.95 + 0.6) / 3 - 2 / 3)
    assert expected_calibration_error(diagram) == pytest.approx(0.25 * 0.5 + 0.75 * gap)


def test_a_bin_holds_its_upper_edge_and_certainty_is_in_the_last_one() -> None:
    table = np.array([[1.0, 0], [0.75, 0.25], [0.5, 0.5]])
    counts = [entry.count for entry in reliability(table, np.array([0, 0, 0]), bins=4)]
    assert counts == [0, 1, 1, 1]
    above = np.array([[1 + 1e-6, 0]], np.float32)
    last = reliability(above, np.array([0]))[-1]
    assert (last.count, last.confidence, last.accuracy) == (1, 1.0, 1.0)


def test_an_empty_bin_has_no_means() -> None:
    first = reliability(np.array([[0.9, 0.1]]), np.array([0]))[0]
    assert (first.count, first.confidence, first.accuracy) == (0, None, None)
    with pytest.raises(ValueError, match="no images"):
        expected_calibration_error([first])


def test_who_is_right_as_often_as_sure_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(4), 40_000)
    honest = (rng.random((40_000, 1)) > table.cumsum(1)).sum(1)
    assert expected_calibration_error(reliability(table, honest)) < 0.01
    sharpened = table**4 / (table**4).sum(1, keepdims=True)
    assert expected_calibration_error(reliability(sharpened, honest)) > 0.1


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(3, 6))
def test_figures_agree_with_scikit_learn_and_with_each_other(seed: int, count: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(classes, 0.4), count)
    labels = rng.integers(0, classes, count)
    expected = brier_score_loss(labels, table, labels=range(classes), scale_by_half=False)
    assert brier_score(table, labels) == pytest.approx(expected)
    diagram = reliability(table, labels)
    assert sum(entry.count for entry in diagram) == count
    overall = sum(entry.count * (entry.accuracy or 0) for entry in diagram) / count
    assert overall == pytest.approx((table.argmax(1) == labels).mean())
    for entry in diagram:
        if entry.confidence is not None:
            assert entry.low - 1e-9 <= entry.confidence <= entry.high + 1e-9

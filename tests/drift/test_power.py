"""What is said to be detectable is detected: simulated drift of just that effect, and the sentences on few images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from podium.drift.embedding import classifier_test
from podium.drift.labels import label_tests
from podium.drift.power import (
    POWER,
    detectable_area,
    detectable_class,
    detectable_distance,
    detectable_variation,
    warnings,
    with_detectable,
)
from podium.drift.results import TestResult

LEVEL = 0.05 / 11
DRAWS = 150
SLACK = 2.4 * np.sqrt(POWER * (1 - POWER) / DRAWS)
"""A share of ``DRAWS`` lies so far below its expectation once in a hundred times; the draws follow from a seed."""
SIZES = [(100, 100), (60, 300), (700, 150)]


def rate(found: Callable[[np.random.Generator], bool]) -> float:
    rng = np.random.default_rng(1)
    return float(np.mean([found(rng) for _ in range(DRAWS)]))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_shift_of_the_detectable_distance_is_found(sizes: tuple[int, int]) -> None:
    distance = detectable_distance(*sizes, level=LEVEL, minimum=0.1)
    assert distance is not None
    shift = 2 * stats.norm.ppf((1 + distance) / 2)

    def found(rng: np.random.Generator) -> bool:
        test = stats.ks_2samp(rng.normal(0, 1, sizes[0]), rng.normal(shift, 1, sizes[1]), method="exact")
        return bool(test.pvalue <= LEVEL and test.statistic >= 0.1)

    assert rate(found) >= POWER - SLACK


def label_rate(test: int, before: np.ndarray, after: np.ndarray, sizes: tuple[int, int]) -> float:
    names = tuple(map(str, range(len(before))))

    def found(rng: np.random.Generator) -> bool:
        table = np.stack([rng.multinomial(n, shares) for n, shares in zip(sizes, (before, after), strict=True)])
        result = label_tests(table, names, minimum=0.05, draws=999, seed=0)[test]
        return result.p_value <= LEVEL and result.effect >= result.effect_minimum

    return rate(found)


@pytest.mark.parametrize("sizes", SIZES)
def test_class_shares_of_the_detectable_distance_are_found(sizes: tuple[int, int]) -> None:
    """Shifted evenly between two halves of equal classes: what chi-square finds worst."""
    distance = detectable_variation(*sizes, 10, level=LEVEL, minimum=0.05)
    assert distance is not None
    shares = np.full(10, 0.1)
    moved = shares + np.repeat([distance / 5, -distance / 5], 5)
    assert label_rate(0, shares, moved.clip(0) / moved.clip(0).sum(), sizes) >= POWER - SLACK


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES)
def test_a_missing_class_of_the_detectable_share_is_found(sizes: tuple[int, int]) -> None:
    share = detectable_class(*sizes, 10, level=LEVEL)
    assert share is not None
    before = np.array([share, *np.full(9, (1 - share) / 9)])
    after = np.array([0, *np.full(9, 1 / 9)])
    found = label_rate(1, before, after, sizes)
    assert found >= POWER - SLACK, "detected as often as said"
    if min(sizes) > 60:
        half = np.array([share / 2, *np.full(9, (1 - share / 2) / 9)])
        assert label_rate(1, half, after, sizes) < POWER, "and no far smaller one"


@pytest.mark.slow
def test_features_of_the_detectable_area_are_found() -> None:
    def sides(rng: np.random.Generator, shift: float) -> tuple[np.ndarray, np.ndarray]:
        a, b = rng.normal(0, 1, (80, 4)), rng.normal(0, 1, (100, 4))
        b[:, 0] += shift
        return a, b

    rng = np.random.default_rng(0)
    deviation = classifier_test(*sides(rng, 0), permutations=299, seed=0).null_deviation
    assert deviation > np.sqrt((80 + 100 + 1) / (12 * 80 * 100)), "the images of a fold share a regression"
    least = detectable_area(deviation, level=LEVEL, minimum=0.53)
    assert least is not None
    runs = [classifier_test(*sides(rng, 0.85), permutations=299, seed=i) for i in range(60)]
    assert np.mean([run.auc for run in runs]) == pytest.approx(least, abs=0.02), "the shift is one of that effect"
    assert np.mean([run.p_value <= LEVEL for run in runs]) >= POWER - SLACK


def test_more_images_detect_less_down_to_the_minimum() -> None:
    found = [detectable_distance(n, n, level=LEVEL, minimum=0.1) for n in (50, 500, 5000, 10**7)]
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert found[-1] == pytest.approx(0.1, abs=1e-3)
    shares = detectable_variation(10**7, 10**7, 10, level=LEVEL, minimum=0.05)
    assert shares == pytest.approx(0.05, abs=1e-3)
    assert detectable_class(20, 20, 1000, level=1e-6) is not None
    assert detectable_class(20, 2, 10, level=LEVEL) is None, "two images may well all be of other classes"
    assert detectable_variation(20, 20, 1, level=LEVEL, minimum=0.05) is None


def made(name: str, group: str, sizes: tuple[int, int]) -> TestResult:
    given = {
        "group": group, "name": name, "method": "m", "statistic": 0, "p_value": 1, "effect": 0, "effect_name": "e",
        "effect_minimum": 0.53 if group == "embedding" else 0.1,
        "reference_count": sizes[0], "current_count": sizes[1],
    }  # fmt: skip
    return TestResult.model_validate(given)


def told(sizes: tuple[int, int], *names: str, labelled: bool) -> str:
    groups = {"labels": "labels", "classes": "labels", "predictions": "labels", "embedding": "embedding"}
    results = [made(name, groups.get(name, "pixels"), sizes) for name in names]
    results = with_detectable(results, level=LEVEL, classes=10, deviation=0.03)
    return " ".join(warnings(results, reference=sizes[0], current=sizes[1], labelled=labelled))


def test_few_images_are_told_with_what_they_can_find() -> None:
    few = told((120, 4000), "labels", "classes", "brightness", "embedding", labelled=True)
    assert "Few images (120 images against 4,000): smaller drift may go unseen" in few
    assert "a pixel statistic at a distance of 0.2" in few
    assert "a missing class of 3.5 % of the images" in few
    assert "Without labels" not in few
    assert told((500, 4000), "labels", "classes", "brightness", labelled=True) == ""


def test_a_class_that_may_go_unseen_without_labels_is_told() -> None:
    assert "2,000 images a side; here are 900 images against 900" in told(
        (900, 900), "predictions", "brightness", labelled=False
    )
    assert told((2000, 2000), "predictions", "brightness", labelled=False) == ""
    assert "however many images" in told((2000, 2000), "brightness", labelled=False)

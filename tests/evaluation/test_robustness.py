from __future__ import annotations

import numpy as np
import pytest

from podium.data import Split
from podium.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from podium.evaluation.robustness import IMAGES, LEAST, affordable, measure_robustness
from tests.conftest import make_arrays


def brightest_third(images: np.ndarray) -> np.ndarray:
    means = images.reshape(*images.shape[:2], -1)[:, :, : 30 * 3].reshape(len(images), -1, 3, 30).mean((1, 3))
    return means / means.sum(1, keepdims=True)


def dark_is_unknown(images: np.ndarray) -> np.ndarray:
    """Right as long as the image has its contrast."""
    table = brightest_third(images)
    flat = images.std(axis=(1, 2, 3)) < 20
    table[flat] = [0, 0, 1]
    return table


@pytest.mark.slow
def test_accuracies_are_those_of_the_changed_images() -> None:
    split = Split(*make_arrays(30))
    found = measure_robustness(dark_is_unknown, split, seed=3)
    assert (found.count, found.clean_accuracy, found.seed) == (30, 1.0, 3)
    assert [(one.name, one.severity) for one in found.corruptions] == [(n, s) for n in CORRUPTIONS for s in SEVERITIES]
    figures = {(one.name, one.severity): one.accuracy for one in found.corruptions}
    assert figures["contrast", 1] == 1
    assert figures["contrast", 5] == pytest.approx(1 / 3)
    mean = np.mean(list(figures.values()))
    assert found.mean_accuracy == pytest.approx(mean)
    assert found.relative_accuracy == pytest.approx(mean)
    assert found == measure_robustness(dark_is_unknown, split, seed=3)


@pytest.mark.slow
def test_a_smaller_subset_is_a_part_of_a_larger_one_and_a_seed_its_choice() -> None:
    images, labels = make_arrays(50)
    images[:, 0, 0, 0] = np.arange(50)
    shown: list[set[int]] = []

    def predict(given: np.ndarray) -> np.ndarray:
        if len(shown) == len(sizes):
            return np.eye(3)[np.zeros(len(given), int)]
        shown.append(set(given[:, 0, 0, 0].tolist()))
        return np.eye(3)[np.zeros(len(given), int)]

    sizes: list[int] = []
    for seed, most in ((0, 10), (0, 20), (1, 20)):
        sizes.append(most)
        assert measure_robustness(predict, Split(images, labels), seed=seed, most=most).count == most
    assert shown[0] < shown[1] != shown[2]


def test_nothing_relative_to_a_model_that_is_always_wrong() -> None:
    split = Split(*make_arrays(6))
    wrong = np.eye(3)[(split.labels + 1) % 3]
    found = measure_robustness(lambda _: wrong, split, seed=0)
    assert (found.clean_accuracy, found.mean_accuracy, found.relative_accuracy) == (0, 0, None)


def test_large_networks_and_short_trainings_see_fewer_images() -> None:
    long = 45_000 * 20
    assert affordable(82_000_000, long) == IMAGES
    assert affordable(8_000_000_000, long) == LEAST
    assert LEAST < affordable(500_000_000, long) < IMAGES
    assert affordable(82_000_000, 1_257 * 30) == 305  # a tenth of 3 · 37,710 predictions, over 37
    assert affordable(82_000_000, 1_257) == LEAST

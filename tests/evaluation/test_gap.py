from __future__ import annotations

import numpy as np
import pytest

from podium.data import Split
from podium.evaluation.gap import measure_gap
from tests.conftest import make_arrays
from tests.evaluation.made import metrics


def test_the_gap_is_of_a_subset_of_the_training_images() -> None:
    images, labels = make_arrays(150)
    images[:, 0, 0, 0] = np.arange(150)
    shown: list[int] = []

    def predict(given: np.ndarray) -> np.ndarray:
        """Knows the images of an even number."""
        numbers = given[:, 0, 0, 0]
        shown.extend(numbers.tolist())
        table = np.full((len(given), 3), 0.1)
        table[np.arange(len(given)), (labels[numbers] + numbers % 2) % 3] = 0.8
        return table

    found = measure_gap(predict, Split(images, labels), metrics(correct=60, loss=1.1), seed=1)
    assert len(set(shown)) == len(shown) == found.count == 100
    even = sum(number % 2 == 0 for number in shown)
    assert 0 < even < 100
    assert found.train_accuracy == even / 100
    assert found.train_loss == pytest.approx(-(even * np.log(0.8) + (100 - even) * np.log(0.1)) / 100)
    assert (found.accuracy, found.loss) == (0.6, 1.1)
    assert measure_gap(predict, Split(images, labels), metrics(), seed=1).train_accuracy == even / 100


@pytest.mark.parametrize(("images", "count"), [(400, 100), (30, 30)])
def test_it_is_no_larger_than_the_split(images: int, count: int) -> None:
    found = measure_gap(lambda given: np.full((len(given), 3), 1 / 3), Split(*make_arrays(images)), metrics(), seed=0)
    assert found.count == count

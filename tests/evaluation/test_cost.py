from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.bundle import WEIGHTS
from podium.config import ModelConfig
from podium.data import Dataset
from podium.evaluation import cost
from podium.evaluation.cost import LEAST, MOST, measure_cost, measure_latency
from podium.models.layer_table import layer_table
from podium.training import build_from_bundle
from tests.evaluation.test_evaluate import make_bundle


@pytest.mark.slow
def test_counts_are_those_of_the_network_and_of_its_file(small_dataset: Dataset, tmp_path: Path) -> None:
    bundle = make_bundle(small_dataset)
    found = measure_cost(bundle, small_dataset["test"].images)
    table = layer_table(bundle.candidate.recipe.model, bundle.contract)
    assert (found.parameters, found.flops) == (table.parameters, table.flops)
    bundle.save(tmp_path)
    assert found.file_bytes == (tmp_path / WEIGHTS).stat().st_size
    timing = found.timing
    assert (timing.train_seconds, timing.device_seconds, timing.device) == (4.5, 4.5, "cpu")
    assert timing.threads == 1
    assert [one.batch for one in timing.latency] == [1, 64]
    for one in timing.latency:
        assert 0 < one.p50 <= one.p95
        assert LEAST <= one.repetitions <= MOST


@pytest.mark.slow
def test_views_are_computed_each(small_dataset: Dataset) -> None:
    bundle = make_bundle(small_dataset)
    model = ModelConfig(family="simple_cnn", options={"filters": [4, 4], "dense": 8}, views=2)
    recipe = bundle.candidate.recipe.model_copy(update={"model": model})
    both = type(bundle)(
        bundle.candidate.model_copy(update={"recipe": recipe}),
        bundle.contract,
        bundle.data_digest,
        bundle.state,
        bundle.summary.model_copy(update={"processes": 3}),
    )
    images = small_dataset["test"].images
    assert measure_cost(both, images).flops == 2 * measure_cost(bundle, images).flops
    assert measure_cost(both, images).timing.device_seconds == 13.5


def test_quantiles_and_throughput_are_of_the_measured_times(
    small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that only a prediction moves: by 1, 2, 3 … seconds."""
    now, taken, shown = [0.0], iter(range(-2, 1000)), []

    def predict(_net: Any, images: np.ndarray, *_: Any, **__: Any) -> None:
        shown.append(images)
        now[0] += max(0, next(taken))

    monkeypatch.setattr(cost.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr("podium.training.predict_probabilities", predict)
    bundle = make_bundle(small_dataset)
    images = small_dataset["test"].images
    found = measure_latency(build_from_bundle(bundle), images, bundle.contract, 4, budget=20)
    assert found.repetitions == 6  # 1 + 2 + … + 6 = 21 s
    assert (found.p50, found.throughput) == (3500, pytest.approx(4 * 6 / 21))
    assert found.p95 == pytest.approx(5750)
    np.testing.assert_array_equal(shown[3], images[:4])
    np.testing.assert_array_equal(shown[4], images[4:8])


def test_few_images_fill_a_batch_and_none_is_an_error(small_dataset: Dataset) -> None:
    bundle = make_bundle(small_dataset)
    images = small_dataset["test"].images[:3]
    assert measure_latency(build_from_bundle(bundle), images, bundle.contract, 8, budget=0).repetitions == LEAST
    with pytest.raises(ValueError, match="no images"):
        measure_cost(bundle, images[:0])

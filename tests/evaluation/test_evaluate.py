from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.data import Dataset, Split
from podium.errors import DataError, PodiumError
from podium.evaluation.evaluate import METRICS, PROBABILITIES, Evaluation, evaluate
from podium.models import build
from podium.training import build_from_bundle, predict_probabilities
from tests.evaluation.made import summary


@pytest.fixture
def bundle(small_dataset: Dataset) -> Bundle:
    """An untrained network: its figures are poor, but defined."""
    return make_bundle(small_dataset)


def make_bundle(dataset: Dataset, **changes: Any) -> Bundle:
    manifest = dataset.manifest
    values = {
        "height": manifest.height,
        "width": manifest.width,
        "mean": manifest.mean,
        "std": manifest.std,
        "class_names": manifest.class_names,
        **changes,
    }
    contract = InputContract(**values)
    model = ModelConfig(family="simple_cnn", options={"filters": [4, 4], "dense": 8})
    candidate = Candidate(name="tiny", recipe=RecipeConfig(id="tiny", source="tests", model=model))
    state = build(model, contract, seed=1).state_dict()
    return Bundle(candidate, contract, manifest.digest, state, summary("tiny"))


def test_an_evaluation_equals_a_prediction_of_every_image(bundle: Bundle, small_dataset: Dataset) -> None:
    result = evaluate(bundle, small_dataset, "test")
    split = small_dataset["test"]
    expected = predict_probabilities(build_from_bundle(bundle), split.images, bundle.contract)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-6)
    assert result.probabilities.dtype == np.float32
    metrics = result.metrics
    assert (metrics.candidate, metrics.split, metrics.count) == ("tiny", "test", 30)
    assert metrics.data_digest == small_dataset.manifest.digest
    assert metrics.accuracy == pytest.approx((expected.argmax(1) == split.labels).mean())
    assert [entry.name for entry in metrics.per_class] == ["left", "middle", "right"]
    assert metrics.milliseconds_per_image > 0


def test_it_is_predicted_on_the_gpu_where_there_is_one(
    bundle: Bundle, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's meta device stands for it."""
    devices = []

    def predict(net: nn.Module, images: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        devices.append(next(net.parameters()).device.type)
        return np.full((len(images), 3), 1 / 3, np.float32)

    monkeypatch.setattr("podium.training.hardware.default_device", lambda: torch.device("meta"))
    monkeypatch.setattr("podium.training.predict_probabilities", predict)
    evaluate(bundle, small_dataset, "test")
    assert set(devices) == {"meta"}


def test_only_the_named_split_is_read(bundle: Bundle, small_dataset: Dataset) -> None:
    class Guarded(Mapping[str, Split]):
        def __getitem__(self, name: str) -> Split:
            assert name == "validation"
            return small_dataset.splits[name]

        def __iter__(self) -> Any:
            return iter(small_dataset.splits)

        def __len__(self) -> int:
            return 3

    guarded = Dataset(small_dataset.path, small_dataset.manifest, Guarded())
    assert evaluate(bundle, guarded, "validation").metrics.split == "validation"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("left", "right", "middle")}, r"tiny knows 3 classes \(left, right, middle\)"),
        ({"class_names": ("left", "right")}, "tiny knows 2 classes"),
        ({"height": 48, "width": 48}, "tiny takes 48×48 pixels, .* has 32×32"),
    ],
)
def test_a_model_for_other_data_is_refused(small_dataset: Dataset, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(make_bundle(small_dataset, **changes), small_dataset, "test")


def test_an_evaluation_survives_its_files(bundle: Bundle, small_dataset: Dataset, tmp_path: Path) -> None:
    result = evaluate(bundle, small_dataset, "validation")
    result.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted([METRICS, PROBABILITIES])
    again = Evaluation.load(tmp_path)
    assert again.metrics == result.metrics
    np.testing.assert_array_equal(again.probabilities, result.probabilities)


def damage_missing(folder: Path) -> None:
    (folder / METRICS).unlink()


def damage_json(folder: Path) -> None:
    (folder / METRICS).write_text("{")


def damage_cut(folder: Path) -> None:
    (folder / PROBABILITIES).write_bytes((folder / PROBABILITIES).read_bytes()[:-8])


def damage_shape(folder: Path) -> None:
    np.save(folder / PROBABILITIES, np.zeros((30, 4), np.float32))


def damage_pickle(folder: Path) -> None:
    np.save(folder / PROBABILITIES, np.array([object()]), allow_pickle=True)


@pytest.mark.parametrize("damage", [damage_missing, damage_json, damage_cut, damage_shape, damage_pickle])
def test_a_damaged_evaluation_is_one_clear_error(
    bundle: Bundle, small_dataset: Dataset, tmp_path: Path, damage: Any
) -> None:
    folder = tmp_path / "evaluation"
    folder.mkdir()
    evaluate(bundle, small_dataset, "validation").save(folder)
    damage(folder)
    with pytest.raises(PodiumError, match=str(folder)) as caught:
        Evaluation.load(folder)
    assert caught.value.remedy

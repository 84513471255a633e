from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.bundle import Bundle
from podium.data import Dataset, Split
from podium.errors import DataError, PodiumError
from podium.evaluation import Evaluation
from podium.evaluation.evaluate import evaluate
from podium.evaluation.examine import FINDINGS, MAPS, Examination, examine
from podium.evaluation.saliency import NoFeatureMap
from tests.evaluation.test_evaluate import make_bundle


@pytest.fixture
def bundle(small_dataset: Dataset) -> Bundle:
    return make_bundle(small_dataset)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few repetitions: what takes long is tested by itself."""
    monkeypatch.setattr("podium.evaluation.cost.MOST", 3)
    monkeypatch.setattr("podium.evaluation.robustness.SEVERITIES", (5,))


def only(dataset: Dataset, *names: str) -> Dataset:
    class Guarded(Mapping[str, Split]):
        def __getitem__(self, name: str) -> Split:
            assert name in names
            return dataset.splits[name]

        def __iter__(self) -> Any:
            return iter(dataset.splits)

        def __len__(self) -> int:
            return 3

    return Dataset(dataset.path, dataset.manifest, Guarded())


@pytest.mark.slow
def test_everything_is_of_the_model_and_the_split(bundle: Bundle, small_dataset: Dataset) -> None:
    found = examine(bundle, only(small_dataset, "train", "test"), "test", seed=4)
    findings = found.findings
    evaluation = evaluate(bundle, small_dataset, "test")
    assert (findings.candidate, findings.split, findings.seed) == ("tiny", "test", 4)
    assert findings.data_digest == small_dataset.manifest.digest
    metrics = evaluation.metrics
    classes = {one.name: one.accuracy for one in findings.slices if one.kind == "class"}
    assert classes == {one.name: pytest.approx(one.recall) for one in metrics.per_class}
    assert findings.robustness.clean_accuracy == metrics.accuracy
    assert (findings.gap.accuracy, findings.gap.loss, findings.gap.count) == (metrics.accuracy, metrics.loss, 30)
    predicted = evaluation.probabilities.argmax(1)
    names = small_dataset.manifest.class_names
    for sample in findings.saliency:
        assert sample.predicted == names[predicted[sample.index]]
        assert sample.true == names[small_dataset["test"].labels[sample.index]]
        assert sample.probability == pytest.approx(evaluation.probabilities[sample.index].max())
    assert found.saliency.shape == (len(findings.saliency), 32, 32)
    assert (findings.saliency_layer, findings.notes) == ("5", ())


@pytest.mark.slow
def test_it_is_the_same_again_but_for_times(bundle: Bundle, small_dataset: Dataset) -> None:
    def what(found: Examination) -> dict[str, Any]:
        return found.findings.model_dump(exclude={"seconds": True, "cost": {"timing"}})

    evaluation = evaluate(bundle, small_dataset, "validation")
    first = examine(bundle, small_dataset, "validation", evaluation=evaluation)
    second = examine(bundle, small_dataset, "validation")
    assert what(first) == what(second)
    np.testing.assert_array_equal(first.saliency, second.saliency)
    assert what(first) != what(examine(bundle, small_dataset, "validation", seed=1))


@pytest.mark.slow
def test_an_evaluation_that_was_made_is_not_made_again(
    bundle: Bundle, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = evaluate(bundle, small_dataset, "validation")
    monkeypatch.delattr("podium.evaluation.examine.evaluate")
    assert examine(bundle, small_dataset, "validation", evaluation=evaluation).findings.split == "validation"


@pytest.mark.slow
def test_a_network_without_places_is_examined_without_them(
    bundle: Bundle, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any) -> None:
        raise NoFeatureMap("nothing but tokens")

    monkeypatch.setattr("podium.evaluation.saliency.grad_cam", refuse)
    found = examine(bundle, small_dataset, "validation")
    assert found.findings.notes == ("no saliency maps: nothing but tokens",)
    assert (found.findings.saliency, found.findings.saliency_layer, found.saliency.shape) == ((), None, (0, 32, 32))
    found.save(tmp_path)
    assert Examination.load(tmp_path).findings == found.findings


def test_what_does_not_belong_together_is_refused(bundle: Bundle, small_dataset: Dataset) -> None:
    evaluation = evaluate(bundle, small_dataset, "validation")
    with pytest.raises(ValueError, match="the evaluation is of"):
        examine(bundle, small_dataset, "test", evaluation=evaluation)
    other = dataclasses.replace(evaluation, metrics=evaluation.metrics.model_copy(update={"candidate": "other"}))
    with pytest.raises(ValueError, match="other"):
        examine(bundle, small_dataset, "validation", evaluation=Evaluation(other.metrics, other.probabilities))
    with pytest.raises(DataError, match="tiny knows"):
        examine(make_bundle(small_dataset, class_names=("a", "b")), small_dataset, "validation")


def damage_missing(folder: Path) -> None:
    (folder / MAPS).unlink()


def damage_json(folder: Path) -> None:
    (folder / FINDINGS).write_text("{}")


def damage_shape(folder: Path) -> None:
    np.save(folder / MAPS, np.zeros((1, 32, 32), np.float32))


def damage_pickle(folder: Path) -> None:
    np.save(folder / MAPS, np.array([object()]), allow_pickle=True)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_missing, damage_json, damage_shape, damage_pickle])
def test_files_are_read_back_or_refused(bundle: Bundle, small_dataset: Dataset, tmp_path: Path, damage: Any) -> None:
    folder = tmp_path / "examination"
    folder.mkdir()
    found = examine(bundle, small_dataset, "validation")
    found.save(folder)
    again = Examination.load(folder)
    assert again.findings == found.findings
    np.testing.assert_array_equal(again.saliency, found.saliency)
    damage(folder)
    with pytest.raises(PodiumError, match=str(folder)) as caught:
        Examination.load(folder)
    assert caught.value.remedy

"""What the dossier says, for a better, a worse and a first candidate."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from podium.config.promotion import DEFAULT_SEVERITY
from podium.data import Dataset
from podium.dossier import compose as module
from podium.dossier.compose import EXAMPLES
from podium.dossier.facts import Dossier
from podium.dossier.words import TITLES, headline
from podium.evaluation.metrics import wilson_interval
from podium.evaluation.slices import slices
from tests.dossier.conftest import Make, caution, challenger, examined, rival
from tests.evaluation.made import summary


def test_a_better_candidate(make: Make) -> None:
    dossier = make(0.6, 0.0)
    assert dossier.outcome != "blocked"
    assert dossier.champion is not None
    assert dossier.challenger.accuracy > dossier.champion.accuracy
    assert dossier.summary.startswith("resnet20 (version 3) may be promoted")
    assert "points above the champion on the 60 images" in dossier.summary


def test_a_worse_candidate_is_blocked_and_the_sentence_says_why(make: Make) -> None:
    dossier = make(0.0, 0.6)
    assert dossier.outcome == "blocked"
    assert "is blocked: " in dossier.summary
    assert "points below the champion" in dossier.summary
    assert headline(dossier) == "podium 3: resnet20 is blocked"


def test_a_first_candidate_has_nobody_beside_it(make: Make) -> None:
    dossier = make(0.6, None)
    assert dossier.champion is None
    assert (dossier.examples, dossier.disagreements, dossier.difference) == ((), 0, None)
    assert "there is no champion yet" in dossier.summary


def test_examples_are_the_images_on_which_they_differ(
    make: Make, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXAMPLES", 1000)
    dossier = make(0.3, 0.3)
    assert dossier.difference is not None
    pairs = dossier.difference.pairs
    labels = np.asarray(dataset["test"].labels)
    assert len(dossier.examples) == dossier.disagreements == len({one.index for one in dossier.examples}) > 0
    for one in dossier.examples:
        assert one.truth == dataset.manifest.class_names[labels[one.index]]
        assert one.challenger != one.champion
        assert one.item == f"test/{one.index}"
    gains = [one for one in dossier.examples if one.challenger == one.truth]
    losses = [one for one in dossier.examples if one.champion == one.truth]
    assert (len(gains), len(losses)) == (pairs.challenger, pairs.champion)
    assert [one.challenger_probability for one in gains] == sorted(
        (one.challenger_probability for one in gains), reverse=True
    )
    assert [dossier.examples[0], dossier.examples[1]] == [gains[0], losses[0]]


def test_not_all_of_many_differences_are_shown(make: Make) -> None:
    dossier = make(0.0, 0.0)
    assert len(dossier.examples) == EXAMPLES < dossier.disagreements


def test_warnings_of_data_and_training_are_there(make: Make) -> None:
    training = summary("resnet20").model_copy(update={"warnings": ("loss rose at the end",)})
    found = make(cautions=[caution("two images are equal")], training=training).cautions
    assert [(one.topic, one.text) for one in found] == [
        ("data", "two images are equal"),
        ("training", "loss rose at the end"),
    ]


def test_its_json_is_read_back(make: Make) -> None:
    dossier = make()
    assert Dossier.read(dossier.text()) == dossier
    with pytest.raises(ValidationError):
        Dossier.read(dossier.text().replace('"schema_version": 1', '"schema_version": 2'))


def test_every_criterion_has_a_title() -> None:
    assert set(TITLES) == set(DEFAULT_SEVERITY)


def test_both_models_have_the_same_slices_of_the_test_images(make: Make, dataset: Dataset) -> None:
    dossier = make(0.6, 0.1)
    assert dossier.champion is not None
    new, old = dossier.challenger.slices, dossier.champion.slices
    assert [(one.kind, one.name, one.count, one.low) for one in new] == [
        (one.kind, one.name, one.count, one.low) for one in old
    ]
    assert [one.accuracy for one in new] != [one.accuracy for one in old]
    part, table = dataset["test"], challenger(dataset, 0.6).probabilities
    assert new == slices(part.images, part.labels, table.argmax(1), dataset.manifest.class_names)
    assert sum(one.count for one in dossier.challenger.reliability) == len(part)


def test_an_examination_of_another_candidate_is_refused(make: Make, dataset: Dataset) -> None:
    found = examined(dataset).findings
    assert make(examination=found).examination == found
    with pytest.raises(ValueError, match="an examination of simple_cnn"):
        make(examination=found.model_copy(update={"candidate": "simple_cnn"}))


def test_the_champions_examination_on_other_images_is_refused(make: Make, dataset: Dataset) -> None:
    found = rival(dataset)
    assert make(champion_examination=found).champion_examination == found
    with pytest.raises(ValueError, match="an examination of the champion on data 999999999999"):
        make(champion_examination=found.model_copy(update={"data_digest": "9" * 64}))


def test_dossiers_of_before_are_read(make: Make) -> None:
    older = json.loads(make(examination=None).text())
    for key in ("examination", "unexamined", "champion_examination", "champion_unexamined"):
        del older[key]
    for side in ("challenger", "champion"):
        for key in ("ece", "brier", "reliability", "slices"):
            del older[side][key]
    assert Dossier.read(json.dumps(older)).challenger.slices == ()


def test_the_intervals_are_corrected_for_the_uses_of_the_test_images(make: Make, dataset: Dataset) -> None:
    """The made gate's result is of the second decision."""
    side = make().challenger
    assert side.level == pytest.approx(0.975)
    count = len(dataset["test"])
    low, high = wilson_interval(round(side.accuracy * count), count, 0.975)
    assert (side.accuracy_low, side.accuracy_high) == (low, high)
    plain = wilson_interval(round(side.accuracy * count), count)
    assert low < plain[0]

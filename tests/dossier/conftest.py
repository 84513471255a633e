"""A challenger and a champion on the test images of a small data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.config.promotion import PromotionPolicy
from podium.data import Dataset
from podium.dossier.compose import compose
from podium.dossier.facts import Bound, Caution, Dossier, Subject
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.evaluation.records import Findings
from podium.gate.comparison import SEED, Duel
from podium.gate.floors import Measured
from podium.gate.judge import judge
from podium.gate.paired import interval
from podium.gate.result import Difference, GateResult, Incumbent
from tests.evaluation.made import summary
from tests.report.conftest import HOSTILE, guess, make_dataset
from tests.report.examined import examination

Make = Callable[..., Dossier]
SUBJECT = Subject(model="podium", version=3, candidate="resnet20", recipe="resnet20", run="run-7")
BOUND = Bound(
    model="a" * 64, weights="b" * 64, package="c" * 64, data="d" * 64, test="e" * 64, code="f" * 64, commit="0" * 40,
    dirty=False, config="1" * 64, policy="2" * 64, evidence="3" * 64, lock=None, champion="4" * 64,
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "data", ("left", HOSTILE, "right"))


@pytest.fixture
def make(dataset: Dataset) -> Make:
    """Makes dossiers; how much more probability challenger and champion give to the true class is theirs to say."""

    def made(sure: float = 0.5, champion: float | None = 0.1, **changes: Any) -> Dossier:
        new = guess(dataset, "resnet20", "test", sure, seed=3)
        old = guess(dataset, "simple_cnn", "test", champion, seed=4) if champion is not None else None
        given = {
            "subject": SUBJECT, "bound": BOUND, "gate": result(dataset, new, old), "dataset": dataset,
            "challenger": new, "champion": old, "training": summary("resnet20"), "lineage": {"Run": "run-7"},
        }  # fmt: skip
        return compose(**{**given, **changes})

    return made


def challenger(dataset: Dataset, sure: float) -> Evaluation:
    """The challenger's answers in a dossier that was made with the same number."""
    return guess(dataset, "resnet20", "test", sure, seed=3)


def examined(dataset: Dataset) -> Examination:
    """The challenger's examination, on validation."""
    return examination(dataset, guess(dataset, "resnet20", "validation", 0.5, seed=5))


def rival(dataset: Dataset) -> Findings:
    """What the champion's own dossier tells."""
    return examination(dataset, guess(dataset, "simple_cnn", "validation", 0.2, seed=6)).findings


def result(dataset: Dataset, challenger: Evaluation, champion: Evaluation | None) -> GateResult:
    policy = PromotionPolicy()
    duel = difference = None
    if champion is not None:
        new, old = (table.probabilities.argmax(1) for table in (challenger, champion))
        duel = Duel(np.asarray(dataset["test"].labels), new, old, dataset.manifest.class_names)
        pairs = duel.pairs()
        low, high = interval(pairs, 0.92, seed=SEED)
        accuracies = {"challenger": challenger.metrics.accuracy, "champion": champion.metrics.accuracy}
        difference = Difference(images=pairs.count, low=low, high=high, level=0.92, pairs=pairs, **accuracies)
    metrics = challenger.metrics
    recalls = {one.name: one.recall for one in metrics.per_class}
    measured = Measured(accuracy=metrics.accuracy, most_frequent=0.34, recalls=recalls, ece=0.01)
    return GateResult(
        challenger="resnet20", weights="b" * 64, champion=Incumbent(version=2 if champion else None),
        data=dataset.manifest.digest, test="e" * 64, use=2, uses=2, duel=1 if champion else None, policy=policy,
        measured=measured, difference=difference, trainings=(metrics.accuracy,),
        verdict=judge(measured, duel, policy, use=2),
    )  # fmt: skip


def caution(text: str) -> Caution:
    return Caution(topic="data", text=text)

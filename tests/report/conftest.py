"""A run of three candidates, one of them failed, as input of a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from podium.config import AugmentConfig, Candidate, ModelConfig, RecipeConfig, TrainerConfig
from podium.data import Dataset, open_dataset, write_dataset
from podium.evaluation import Evaluation, build_leaderboard, metrics_from_probabilities, select
from podium.report import Command, RunReport
from podium.results import DataReference, Failure, SplitName
from tests.conftest import make_arrays
from tests.evaluation.made import summary
from tests.report.examined import examination

HOSTILE = "<img src=x onerror=alert(1)>"


def make_dataset(folder: Path, names: tuple[str, ...]) -> Dataset:
    sizes = [("train", 96), ("validation", 30), ("test", 60)]
    splits = {name: make_arrays(n, seed=i, classes=len(names)) for i, (name, n) in enumerate(sizes)}
    write_dataset(folder, splits, name="thirds", class_names=names, source="made <b>here</b>", licence="CC0-1.0")
    return open_dataset(folder)


def guess(dataset: Dataset, candidate: str, split: SplitName, sure: float, seed: int) -> Evaluation:
    """Predictions that favour the true class by ``sure``."""
    labels = np.asarray(dataset[split].labels)
    classes = len(dataset.manifest.class_names)
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(classes), len(labels)) * (1 - sure)
    table[np.arange(len(labels)), labels] += sure
    table = (table / table.sum(1, keepdims=True)).astype(np.float32)
    metrics = metrics_from_probabilities(
        table,
        labels,
        candidate=candidate,
        split=split,
        data_digest=dataset.manifest.digest,
        class_names=dataset.manifest.class_names,
        milliseconds_per_image=0.31,
    )
    return Evaluation(metrics, table)


def make_report(
    folder: Path, names: tuple[str, ...] = ("left", "middle", "right"), cause: str = "loss is NaN"
) -> RunReport:
    dataset = make_dataset(folder, names)
    sureness = {"resnet20": 0.4, "simple_cnn": 0.15}
    validation = {name: guess(dataset, name, "validation", sure, 1) for name, sure in sureness.items()}
    test = {name: guess(dataset, name, "test", sure, 2) for name, sure in sureness.items()}
    summaries = {"resnet20": summary("resnet20", epochs=6, fine_tune=True), "simple_cnn": summary("simple_cnn")}
    augment = {"resnet20": AugmentConfig(rotation=10, shift=0.1), "simple_cnn": AugmentConfig()}
    candidates = {
        name: Candidate(
            name=name,
            recipe=RecipeConfig(
                id=name, source="tests", model=ModelConfig(family="simple_cnn"), trainer=TrainerConfig(augment=value)
            ),
        )
        for name, value in augment.items()
    }
    figures = {name: entry.metrics for name, entry in validation.items()}
    leaderboard = build_leaderboard(
        run="run-7",
        config_name="quickstart",
        model="digits",
        data=DataReference(name="thirds", path="data", digest=dataset.manifest.digest),
        selection=select(list(figures.values()), "accuracy"),
        summaries=summaries,
        validation=figures,
        test={name: entry.metrics for name, entry in test.items()},
        failures={"broken": Failure(cause=cause, remedy="lower the learning rate (now 0.5)")},
        seeded={"both": ("resnet20", "simple_cnn", "broken")},
        version=4,
    )
    return RunReport(
        leaderboard=leaderboard,
        dataset=dataset,
        candidates=candidates,
        summaries=summaries,
        validation=validation,
        test=test,
        examinations={"resnet20": examination(dataset, validation["resnet20"])},
        unexamined={"simple_cnn": "out of <memory>"},
        checks="19 checks passed",
        warnings=1,
        lineage={"git commit": "3f2c9a1 (clean)", "configuration": "name: quickstart\nseed: 0\n"},
        commands=[Command("approve it", "podium review approve 4 --reason '…'")],
    )


@pytest.fixture
def run_report(tmp_path: Path) -> RunReport:
    return make_report(tmp_path / "data")

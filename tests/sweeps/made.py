"""Small sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.config.load import parse
from podium.config.sweep import SweepConfig
from podium.results import DataReference
from podium.sweeps.results import SweepResult, TrialResult, best_of
from podium.sweeps.space import Space, open_space
from tests.conftest import ROOT

RECIPES = ROOT / "configs" / "recipes"
RATE = {"low": 1e-4, "high": 1e-2, "log": True}
SPACE = {"trainer.learning_rate": RATE, "trainer.schedule": {"choices": ["constant", "one_cycle"]}}


def config(space: dict[str, Any] | None = None, **fields: Any) -> SweepConfig:
    fields = {"name": "made", "recipe": "simple_cnn", "space": SPACE if space is None else space, **fields}
    return parse(SweepConfig, fields, "sweep.yaml", "parameters.config")


def opened(space: dict[str, Any] | None = None, **fields: Any) -> Space:
    return open_space(config(space, **fields), RECIPES, file="sweep.yaml")


def ended(number: int, value: float | None = 0.5, status: str = "completed", **fields: Any) -> TrialResult:
    values = {"trainer.learning_rate": 0.001 * (number + 1), "trainer.schedule": "constant"}
    curve = () if value is None else (value / 2, value)
    cause = "the loss became NaN [/red]" if status == "failed" else None
    fields = {"remedy": "lower the learning rate", **fields} if status == "failed" else fields
    shared = {"number": number, "values": values, "status": status, "value": value, "curve": curve, "cause": cause}
    return TrialResult.model_validate({"epochs": len(curve), "seconds": 2.0, **shared, **fields})


def result(*trials: TrialResult, **fields: Any) -> SweepResult:
    shared = {
        "sweep": "made", "run": "run-1", "recipe": "simple_cnn", "metric": "accuracy", "seed": 3, "hardware": "1 CPU",
        "data": DataReference(name="digits", path="data", digest="d" * 64), "planned": len(trials),
        "best": best_of(list(trials), "accuracy"), "trainer": {"augment": {"flip": False, "rotation": 5.0}},
        "searched": ("trainer.learning_rate", "trainer.schedule"), "trials": trials,
    }  # fmt: skip
    return SweepResult.model_validate({**shared, **fields})


def poison_test_split(data: Path) -> None:
    """Whoever opens, maps or digests the test split of this data set fails."""
    (data / "test.images.npy").write_bytes(b"poison")
    (data / "test.labels.npy").unlink()
    (data / "test.items.tsv").unlink()

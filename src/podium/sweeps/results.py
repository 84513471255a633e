"""What a sweep is made of and results in; small, typed, JSON-serializable."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from podium import atomic
from podium.config import Candidate, Frozen
from podium.config.explain import nearest
from podium.config.sweep import PrunerConfig
from podium.errors import PodiumError
from podium.results import DataReference
from podium.settings import Settings

Metric = Literal["accuracy", "loss"]

_FILE: Final = "sweep.json"
_LATEST: Final = "latest"


class Curve(Frozen):
    """Validation figures of one ended trial, one an epoch."""

    values: tuple[float, ...]
    completed: bool


class TrialPlan(Frozen):
    """One trial to run: all that it depends on beside data and code."""

    sweep: str
    number: int
    """From 0."""
    values: dict[str, Any]
    """Of the searched fields, by dotted path; they are in ``candidate``, too."""
    own: bool = False
    """Whether these are the recipe's own values."""
    candidate: Candidate
    metric: Metric
    pruner: PrunerConfig
    rivals: tuple[Curve, ...]
    """Of the earlier rounds. Trials of the same round don't see each other: which one is ahead would be chance."""


class TrialResult(Frozen):
    """How one trial ended. Figures are of the validation split."""

    number: int
    values: dict[str, Any]
    own: bool = False
    """Whether these are the recipe's own values: what the others are to beat."""
    status: Literal["completed", "pruned", "failed"]
    cause: str | None = None
    value: float | None = None
    """Of a completed trial the metric of the resulting weights; of a pruned one the last epoch's; null if it failed."""
    curve: tuple[float, ...] = ()
    """The metric after each epoch."""
    epochs: int = 0
    seconds: float | None = None
    """Of training and its validation passes."""
    parameters: int | None = None
    mlflow_run: str | None = None


class SweepResult(Frozen):
    """A sweep, finished or on its way. The best trial's figure is the best of many: it flatters."""

    schema_version: Literal[1] = 1
    sweep: str
    run: str
    """Name of the pipeline run."""
    recipe: str
    metric: Metric
    seed: int
    data: DataReference
    hardware: str
    planned: int
    best: int | None
    """Number of the best completed trial."""
    trainer: dict[str, Any]
    """What the sweep changes in the recipe for all trials."""
    searched: tuple[str, ...]
    trials: tuple[TrialResult, ...]
    """In the order of their numbers."""

    @property
    def best_trial(self) -> TrialResult | None:
        """The trial that ``best`` names."""
        return next((trial for trial in self.trials if trial.number == self.best), None)


def best_of(trials: list[TrialResult], metric: Metric) -> int | None:
    """Number of the best completed trial, the first of equal ones; None if there is none."""
    done = [(trial.value, trial.number) for trial in trials if trial.status == "completed" and trial.value is not None]
    if not done:
        return None
    sign = 1 if metric == "loss" else -1
    return min(done, key=lambda item: (sign * item[0], item[1]))[1]


def keep(settings: Settings, result: SweepResult) -> Path:
    """Write a sweep's result below the state folder, in place of an earlier one of that name. Returns the file."""
    file = settings.sweeps / result.sweep / _FILE
    atomic.write_text(file, result.model_dump_json(indent=2) + "\n")
    atomic.write_text(settings.sweeps / _LATEST, result.sweep + "\n")
    return file


def read(settings: Settings, name: str | None = None) -> SweepResult:
    """Read a sweep's result; the latest unless named.

    Raises:
        PodiumError: There is no such sweep, or its file is malformed.
    """
    folder = settings.sweeps
    known = sorted(path.parent.name for path in folder.glob(f"*/{_FILE}"))
    start = "run one: `podium run configs/sweep.yaml --pipeline pipelines.sweep.sweep_pipeline`"
    if name is None:
        try:
            name = (folder / _LATEST).read_text().strip()
        except FileNotFoundError:
            raise PodiumError(f"{folder}: no sweep is recorded here", remedy=start) from None
    if name not in known:
        raise PodiumError(f"{folder}: there is no sweep {name!r}", remedy=nearest(name, known) if known else start)
    file = folder / name / _FILE
    try:
        return SweepResult.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PodiumError(f"{file}: {where}: {first['msg']}", remedy="run the sweep again to write it") from None

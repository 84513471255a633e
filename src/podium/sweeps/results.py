"""What a sweep is made of and results in; small, typed, JSON-serializable."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from podium import atomic
from podium.config import Candidate, Frozen
from podium.config.explain import nearest
from podium.config.sweep import PrunerConfig, SweepConfig
from podium.errors import ConfigError, PodiumError
from podium.results import DataReference
from podium.settings import Settings

Metric = Literal["accuracy", "loss"]

_FILE: Final = "sweep.json"
_LATEST: Final = "latest"
_FREE: Final = ("name", "data", "trials")
"""Keys of a configuration that may change from one run of a sweep to the next; the data are known by their digest."""


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
    remedy: str | None = None
    """What can be done about a failure's cause; null where none is known, and in records of before it was kept."""
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
    config: dict[str, Any] = Field(default_factory=dict)
    """All keys of the sweep's file; empty in records of Podium before it kept them."""
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


def refuse_other(settings: Settings, config: SweepConfig, data: DataReference) -> None:
    """Refuse to record a sweep in place of another one that has its name.

    One is the same as before where its images and its configuration are; it may have more trials, or fewer.

    Raises:
        ConfigError: A sweep of this name is recorded with another configuration or other data; names what differs.
    """
    file = settings.sweeps / config.name / _FILE
    if not file.exists():
        return
    before = read(settings, config.name)
    now = config.model_dump(mode="json")
    differing = [key for key, value in before.config.items() if key not in _FREE and now.get(key) != value]
    if before.data.digest != data.digest:
        differing.append("data")
    if differing or not before.config:
        what = f"that differs in {', '.join(differing)}" if before.config else "without its configuration"
        raise ConfigError(
            f"{file}: a sweep {config.name!r} is recorded {what}",
            remedy="give this one another `name`, or remove the file to replace it",
        )


def keep(settings: Settings, result: SweepResult) -> Path:
    """Write a sweep's result below the state folder, in place of its earlier state. Returns the file."""
    file = settings.sweeps / result.sweep / _FILE
    atomic.write_text(file, result.model_dump_json(indent=2) + "\n")
    atomic.write_text(settings.sweeps / _LATEST, result.sweep + "\n")
    return file


def read(settings: Settings, name: str | None = None) -> SweepResult:
    """Read a sweep's result; the latest unless named.

    Raises:
        ConfigError: There is no sweep of this name.
        PodiumError: There is none at all, or its file is malformed.
    """
    folder = settings.sweeps
    known = sorted(path.parent.name for path in folder.glob(f"*/{_FILE}"))
    start = "run one: `podium run configs/sweep.yaml --pipeline pipelines.sweep.sweep_pipeline`"
    refused: type[PodiumError] = ConfigError
    if name is None:
        refused = PodiumError
        try:
            name = (folder / _LATEST).read_text().strip()
        except FileNotFoundError:
            raise PodiumError(f"{folder}: no sweep is recorded here", remedy=start) from None
    if name not in known:
        raise refused(f"{folder}: there is no sweep {name!r}", remedy=nearest(name, known) if known else start)
    file = folder / name / _FILE
    try:
        return SweepResult.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PodiumError(f"{file}: {where}: {first['msg']}", remedy="run the sweep again to write it") from None

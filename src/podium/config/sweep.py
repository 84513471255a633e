"""The typed configuration of a sweep: which fields of one recipe are searched, how, and for how long."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from podium.config.base import Frozen, Seed
from podium.config.recipe import NAME
from podium.config.run import DataConfig

MOST_TRIALS: Final = 1000
MOST_PARALLEL: Final = 32
"""As many branches as ZenML is given workers for."""

Number = int | float


class Dimension(Frozen):
    """One searched field: a range of numbers (``low``, ``high``, and ``log`` or ``step``) or a list of ``choices``."""

    low: Number | None = None
    high: Number | None = None
    """Included."""
    log: bool = False
    """Whether a factor counts the same everywhere in the range, as is usual for rates and decays."""
    step: Annotated[Number, Field(gt=0)] | None = None
    """Distance of neighbouring values; 1 for whole numbers and none for others unless given."""
    choices: tuple[Any, ...] | None = Field(None, min_length=2)
    """Any values of the field, also null and whole blocks."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        numbers = (self.low, self.high, self.step)
        if self.choices is not None:
            if self.log or any(number is not None for number in numbers):
                raise ValueError("choices stand alone: remove low, high, log and step")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a range with log: true begins above 0, not at {self.low}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other: remove one")
        if self.step is not None:
            steps = (self.high - self.low) / self.step
            if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
                raise ValueError(f"from {self.low} to {self.high} there is no whole number of steps of {self.step}")
        return self


class SamplerConfig(Frozen):
    """How points of the space are suggested."""

    kind: Literal["tpe", "random"] = "tpe"
    """Tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS), or independent draws."""
    startup: int = Field(8, ge=1)
    """tpe: trials drawn at random before the first is suggested."""


class PrunerConfig(Frozen):
    """Which trials are ended early, on their validation figures after each epoch."""

    kind: Literal["median", "halving", "none"] = "median"
    """``median``: whose best figure so far is worse than the median of the completed trials at that epoch. ``halving``:
    not among the best ``1/factor`` after ``warm_up``, ``factor``·``warm_up``, … epochs (Li et al. 2018,
    arXiv 1810.05934)."""
    startup: int = Field(4, ge=1)
    """median: completed trials before one is pruned."""
    warm_up: int = Field(1, ge=1)
    """Epochs that every trial is given."""
    factor: int = Field(3, ge=2)
    """halving: one trial of so many goes on."""


class SweepConfig(Frozen):
    """Everything that one sweep depends on: the ``config`` parameter of the sweep pipeline."""

    name: str = Field(pattern=NAME)
    seed: Seed = 0
    """Of the suggestions, and of every trial's training: trials differ by their settings alone."""
    data: DataConfig = DataConfig()
    recipe: str
    """The id of a file in ``configs/recipes``."""
    trainer: dict[str, Any] = Field(default_factory=dict)
    """Fields of the recipe's ``trainer`` to change for all trials."""
    space: dict[str, Dimension] = Field(min_length=1)
    """What is searched, by dotted path, such as ``trainer.augment.crop`` or ``model.options.dense``."""
    trials: int = Field(20, ge=1, le=MOST_TRIALS)
    parallel: int = Field(2, ge=1, le=MOST_PARALLEL)
    """Trials of a round: they train side by side, and the next round is suggested when all of them have ended."""
    threads: int | None = Field(None, ge=1)
    """CPU threads a trial; by default the machine's cores shared among those of a round, at least one."""
    metric: Literal["accuracy", "loss"] = "accuracy"
    """On the validation split; of the weights that the training returns."""
    sampler: SamplerConfig = SamplerConfig()
    pruner: PrunerConfig = PrunerConfig()

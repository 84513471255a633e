"""The typed configuration of one run: the ``config`` parameter of the training pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from podium.config.base import Frozen, Resize, Seed
from podium.config.recipe import NAME

MAX_SIDE: Final = 4096
"""Pixels a side: classifiers take far fewer, and blocks of images are held in memory."""


def _square(value: Any) -> Any:
    """``32`` to 32×32; what is neither a whole number nor two of them is left to be refused in one sentence."""
    sides = value if isinstance(value, (list, tuple)) else [value, value]
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
        raise ValueError(f"{value!r} is no size: one number of pixels from 1 to {MAX_SIDE:,}, or [height, width]")
    return tuple(sides)


class DataConfig(Frozen):
    """Which data set is used, and how its images were brought to one size.

    ``podium data import SOURCE --config FILE`` follows it. A run refuses a data set of another size or policy.
    """

    path: Path = Path("data")
    """Folder of a Podium data set; relative to the checkout."""
    size: Annotated[tuple[int, int], BeforeValidator(_square)] | None = None
    """Height and width, or one number for both; whatever the data set was imported with unless given."""
    resize: Resize | None = None
    """``crop`` (scale the shorter side, cut the longer), ``pad`` or ``stretch``; the data set's own unless given."""


class ValidationConfig(Frozen):
    """What is expected of the data. What is critical stops the run before training."""

    suite: str = "default"
    """A file of ``configs/validation`` without its ending, or the path of a ``.yaml`` file."""


def _several(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is no list of seeds, such as [0, 1, 2]")
    return tuple(value)


class CandidateConfig(Frozen):
    """One branch of the run. A bare recipe id is short for ``{recipe: ID}``."""

    recipe: str
    """The id of a file in ``configs/recipes``."""
    name: str | None = Field(None, pattern=NAME)
    """Name of the branch; the recipe's id unless given. Needed when a recipe appears twice."""
    seed: Seed | None = None
    """The run's seed unless given."""
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_several)] | None = Field(None, min_length=1)
    """In place of ``seed``: one branch for each, called ``NAME_seed0`` and so on, and their mean ± s.d. beside them."""
    trainer: dict[str, Any] = Field(default_factory=dict)
    """Fields of the recipe's ``trainer`` to change for this branch."""

    @property
    def label(self) -> str:
        """The branch's name, or what the names of its branches begin with."""
        return self.name or self.recipe

    def branches(self, seed: int) -> dict[str, int]:
        """The seed of each branch, by the branch's name; ``seed`` is the run's."""
        if self.seeds is None:
            return {self.label: seed if self.seed is None else self.seed}
        return {f"{self.label}_seed{one}": one for one in self.seeds}

    @model_validator(mode="after")
    def _seeds_agree(self) -> Self:
        if self.seeds is not None:
            if self.seed is not None:
                raise ValueError("both 'seed' and 'seeds' are given: keep one of them")
            for one in self.seeds:
                if self.seeds.count(one) > 1:
                    raise ValueError(f"the seed {one} stands twice in 'seeds': it would give the same network again")
        return self


def _expand(value: Any) -> Any:
    return {"recipe": value} if isinstance(value, str) else value


class SelectionConfig(Frozen):
    """How the winner is chosen; always on the validation split."""

    metric: Literal["accuracy", "macro_f1", "loss"] = "accuracy"


class RegistryConfig(Frozen):
    """Where the winner is registered."""

    model: str = Field("podium", pattern=NAME)
    """Name of the registered model, in MLflow and in ZenML's model control plane."""
    onnx: bool = True
    """Whether registered versions hold the network as ONNX as well; the export takes some ten seconds."""


class RunConfig(Frozen):
    """Everything that one run of the training pipeline depends on."""

    name: str = Field(pattern=NAME)
    seed: Seed = 0
    data: DataConfig = DataConfig()
    validation: ValidationConfig = ValidationConfig()
    trainer: dict[str, Any] = Field(default_factory=dict)
    """Fields of every recipe's ``trainer`` to change in this run."""
    candidates: tuple[Annotated[CandidateConfig, BeforeValidator(_expand)], ...] = Field(min_length=1)
    threads: int | None = Field(None, ge=1)
    """CPU threads a process; by default the machine's cores shared among all candidates' processes, at least one."""
    processes: int = Field(1, ge=1, le=64)
    """Processes a candidate, for data parallel training: as many as there are GPUs, or parts of a large machine."""
    selection: SelectionConfig = SelectionConfig()
    registry: RegistryConfig = RegistryConfig()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for labels in ([candidate.label for candidate in self.candidates], self.branches):
            for label in labels:
                if labels.count(label) > 1:
                    raise ValueError(f"two candidates are called {label!r}: give each a name of its own")
        return self

    @property
    def branches(self) -> tuple[str, ...]:
        """The names of all branches."""
        return tuple(name for candidate in self.candidates for name in candidate.branches(self.seed))

    @property
    def seeded(self) -> dict[str, tuple[str, ...]]:
        """The branches of each candidate that names several seeds, by its label."""
        several = (candidate for candidate in self.candidates if candidate.seeds is not None)
        return {candidate.label: tuple(candidate.branches(self.seed)) for candidate in several}

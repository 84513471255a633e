"""The typed configuration of one run: the ``config`` parameter of the training pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from podium.config.base import Frozen
from podium.config.recipe import NAME


class DataConfig(Frozen):
    """Which data set is used."""

    path: Path = Path("data")
    """Folder of a Podium data set; relative to the checkout."""


class ValidationConfig(Frozen):
    """Bounds of the data validation. What is critical stops the run before training."""

    max_class_ratio: float = Field(3.0, ge=1)
    """Critical: images of the largest class over those of the smallest, within each split."""
    min_images_per_class: int = Field(2, ge=1)
    """Critical, within each split."""
    max_constant: int = Field(0, ge=0)
    """Critical above: images with one single colour."""
    max_duplicates_across: int = Field(0, ge=0)
    """Critical above: images of validation or test that also stand in another split, byte for byte."""
    max_duplicates_within: float = Field(0.01, ge=0, le=1)
    """Warning above: fraction of a split that repeats another image of it."""
    max_mean_shift: float = Field(0.1, gt=0)
    """Warning above: distance of a split's channel mean (on [0, 1]) from that of the training split."""
    max_grayscale_shift: float = Field(0.1, ge=0, le=1)
    """Warning above: difference between a split's share of grayscale images and that of the training split."""
    max_contradictions: int = Field(0, ge=0)
    """Warning above: images of a split that also stand in the data set with another label."""
    min_contrast: float = Field(1.0, ge=0)
    """Warning: an image whose standard deviation is below, in grey levels of 255."""
    min_value_span: int = Field(64, ge=1, le=255)
    """Warning below: grey levels from the smallest to the largest value of a split."""
    max_normalized_mean: float = Field(0.1, gt=0)
    """Critical above: normalized mean of a training channel, where the network uses the data set's own statistics."""
    max_normalized_factor: float = Field(1.25, gt=1)
    """Critical above: factor between its normalized standard deviation and 1, either way."""


class CandidateConfig(Frozen):
    """One branch of the run. A bare recipe id is short for ``{recipe: ID}``."""

    recipe: str
    """The id of a file in ``configs/recipes``."""
    name: str | None = Field(None, pattern=NAME)
    """Name of the branch; the recipe's id unless given. Needed when a recipe appears twice."""
    seed: int | None = Field(None, ge=0)
    """The run's seed unless given."""
    trainer: dict[str, Any] = Field(default_factory=dict)
    """Fields of the recipe's ``trainer`` to change for this branch."""

    @property
    def label(self) -> str:
        """The branch's name."""
        return self.name or self.recipe


def _expand(value: Any) -> Any:
    return {"recipe": value} if isinstance(value, str) else value


class SelectionConfig(Frozen):
    """How the winner is chosen; always on the validation split."""

    metric: Literal["accuracy", "macro_f1", "loss"] = "accuracy"


class RegistryConfig(Frozen):
    """Where the winner is registered."""

    model: str = Field("podium", pattern=NAME)
    """Name of the registered model, in MLflow and in ZenML's model control plane."""


class RunConfig(Frozen):
    """Everything that one run of the training pipeline depends on."""

    name: str = Field(pattern=NAME)
    seed: int = Field(0, ge=0)
    data: DataConfig = DataConfig()
    validation: ValidationConfig = ValidationConfig()
    trainer: dict[str, Any] = Field(default_factory=dict)
    """Fields of every recipe's ``trainer`` to change in this run."""
    candidates: tuple[Annotated[CandidateConfig, BeforeValidator(_expand)], ...] = Field(min_length=1)
    threads: int | None = Field(None, ge=1)
    """CPU threads a candidate; by default the machine's cores shared among the candidates, at least one."""
    selection: SelectionConfig = SelectionConfig()
    registry: RegistryConfig = RegistryConfig()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        labels = [candidate.label for candidate in self.candidates]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two candidates are called {label!r}: give each a name of its own")
        return self

"""A recipe is a network with the way it is trained: one YAML file under ``configs/recipes``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from podium.config.base import Frozen, Seed
from podium.config.training import TrainerConfig

NAME = r"^[a-z0-9][a-z0-9_\-]*$"


class ModelConfig(Frozen):
    """Which family builds the network, and with which options (checked by the family)."""

    family: str
    """A name in ``podium.models.FAMILIES``."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The fields of the family's ``Options``."""
    views: Literal[1, 2, 6] = 1
    """Views of an image whose logits are averaged in evaluation: the image; its mirror image, too; and both shifted by
    one pixel. It is part of the network, so that the registered model gives in service what was measured. Wrong for
    digits and letters, as mirroring is."""


class RecipeConfig(Frozen):
    """The content of one recipe file."""

    id: str = Field(pattern=NAME)
    source: str
    """Where the recipe is described: a reference id, a paper."""
    published_accuracy: float | None = Field(None, ge=0, le=1)
    model: ModelConfig
    trainer: TrainerConfig = TrainerConfig()


class Start(Frozen):
    """A registered version whose weights a training starts from (a warm start)."""

    model: str
    """Name of the registered model."""
    version: int
    digest: str
    """Of the version's bundle."""
    mean: tuple[float, float, float]
    """Of the normalization that it was trained with, per channel, on [0, 1]."""
    std: tuple[float, float, float]
    trained_range: tuple[float, float] | None = None
    """Of its backbone; see ``podium.contract``."""


class Candidate(Frozen):
    """One branch of a run, fully resolved: everything that its training depends on beside the data."""

    name: str = Field(pattern=NAME)
    """Unique within the run."""
    recipe: RecipeConfig
    seed: Seed = 0
    threads: int = Field(1, ge=1)
    """CPU threads of each process; on the CPU part of the result's identity, since sums depend on it."""
    processes: int = Field(1, ge=1)
    """Processes that train it together, each on its part of every batch and on a GPU of its own, or on the CPU."""
    start: Start | None = None
    """Whose weights it starts from; null: from scratch, or from the recipe's pretrained backbone."""

    @property
    def trainer(self) -> TrainerConfig:
        """How this candidate is trained."""
        return self.recipe.trainer

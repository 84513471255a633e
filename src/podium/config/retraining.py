"""The configuration of scheduled retraining: a run's, with what it waits for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.config.run import RunConfig

Changing = Literal["data", "code", "config", "policy"]
"""What a retraining may be about: the data set, the code of training and judging, the configuration with all recipes
that it names, and the promotion policy."""


class DriftTrigger(Frozen):
    """New images that are compared with what the champion was trained for, as ``podium drift`` does."""

    current: Path
    """A folder of image files, parquet, or a data set; relative to the checkout."""
    features: Literal["champion", "backbone", "none"] = "champion"
    """Where the embedding comes from."""


class RetrainingSection(Frozen):
    """When to train again, from what, and with which candidates."""

    watch: tuple[Changing, ...] = ("data", "code", "config")
    """What is trained again for as soon as it has changed; what else has changed is trained with then."""
    drift: DriftTrigger | None = None
    """Where these images have drifted, whatever has changed is trained with; where nothing has, it is told."""
    start: Literal["scratch", "champion"] = "scratch"
    """``champion``: candidates with the champion's network start from its weights, and keep its normalization."""
    champions_recipe: bool = True
    """Whether the champion's own recipe is trained as well, unless a candidate is the same."""
    attempts: int = Field(3, ge=1)
    """How often a run that fails or is killed is tried, in as many checks, before a person has to look."""


class RetrainingConfig(RunConfig):
    """One retraining: the candidates and all else of a run, and ``retraining``."""

    retraining: RetrainingSection = RetrainingSection()

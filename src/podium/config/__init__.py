"""Typed configuration: frozen models, one place for defaults, strict loading."""

from podium.config.base import Frozen
from podium.config.recipe import Candidate, ModelConfig, RecipeConfig, Start
from podium.config.run import CandidateConfig, RunConfig, ValidationConfig
from podium.config.training import (
    AugmentConfig,
    AveragingConfig,
    FineTuneConfig,
    RandAugmentConfig,
    TopLayers,
    TrainerConfig,
    Unfreeze,
)

__all__ = [
    "AugmentConfig",
    "AveragingConfig",
    "Candidate",
    "CandidateConfig",
    "FineTuneConfig",
    "Frozen",
    "ModelConfig",
    "RandAugmentConfig",
    "RecipeConfig",
    "RunConfig",
    "Start",
    "TopLayers",
    "TrainerConfig",
    "Unfreeze",
    "ValidationConfig",
]

"""How a network is trained: optimizer, schedule, callbacks and augmentation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from podium.config.base import Frozen


class AugmentConfig(Frozen):
    """Random changes to training images, drawn anew for each sample and epoch."""

    flip: bool = False
    """Mirror left-right with probability 0.5. Wrong for digits and letters."""
    rotation: float = Field(0.0, ge=0, le=180)
    """Largest rotation either way, in degrees."""
    zoom: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of size either way: 0.1 means a factor in [0.9, 1.1]."""
    shift: float = Field(0.0, ge=0, lt=1)
    """Largest displacement along each axis, as a fraction of the side."""


class EarlyStoppingConfig(Frozen):
    """Stop when validation no longer improves; the best weights are restored."""

    monitor: Literal["accuracy", "loss"] = "accuracy"
    patience: int = Field(8, ge=1)
    """Epochs without improvement before training stops."""


class PlateauConfig(Frozen):
    """Lower the learning rate when validation loss no longer improves."""

    patience: int = Field(4, ge=1)
    factor: float = Field(0.2, gt=0, lt=1)
    floor: float = Field(1e-6, ge=0)
    """The learning rate is never set below this."""


class FineTuneConfig(Frozen):
    """Second phase of transfer learning: the top of the backbone is trained too, at a lower learning rate."""

    epochs: int = Field(5, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    unfreeze: float = Field(1.0, gt=0, le=1)
    """Fraction of the backbone's layers, from the top, that is trained."""


class TrainerConfig(Frozen):
    """One training run. The recipe file gives the values that differ from these defaults."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled for adamw; an L2 penalty on the gradient for the others."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Used by sgd (Nesterov) and rmsprop."""
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    early_stopping: EarlyStoppingConfig | None = None
    plateau: PlateauConfig | None = None
    fine_tune: FineTuneConfig | None = None
    """Only for recipes with a pretrained backbone, whose first phase trains the head alone."""
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.plateau and self.schedule != "constant":
            raise ValueError(f"plateau works on a constant schedule, not on {self.schedule!r}: remove one of the two")
        return self

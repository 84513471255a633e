"""The phases of a training: one from scratch, two for a pretrained backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from podium.config import TrainerConfig
from podium.models.transfer import TransferNet


@dataclass(frozen=True)
class Phase:
    """A number of epochs with one optimizer."""

    name: Literal["train", "head", "fine_tune"]
    epochs: int
    rate: float
    """Peak learning rate."""
    unfreeze: float = 1.0
    """Fraction of a pretrained backbone that is trained."""


def plan(net: nn.Module, trainer: TrainerConfig) -> tuple[Phase, ...]:
    """The phases that ``trainer`` asks for with this network."""
    if not isinstance(net, TransferNet):
        return (Phase("train", trainer.epochs, trainer.learning_rate),)
    head = Phase("head", trainer.epochs, trainer.learning_rate, unfreeze=0.0)
    if trainer.fine_tune is None:
        return (head,)
    tune = trainer.fine_tune
    return head, Phase("fine_tune", tune.epochs, tune.learning_rate, tune.unfreeze)


def enter(net: nn.Module, phase: Phase) -> None:
    """Freeze and unfreeze the layers of ``net`` as the phase asks."""
    if isinstance(net, TransferNet):
        net.unfreeze(phase.unfreeze)

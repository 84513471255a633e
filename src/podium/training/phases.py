"""The phases of a training: one from scratch, two or more for a pretrained backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from podium.config import FineTuneConfig, TrainerConfig, Unfreeze
from podium.models.transfer import TransferNet
from podium.models.unfreezing import check_stages


@dataclass(frozen=True)
class Phase:
    """A number of epochs with one optimizer."""

    name: Literal["train", "head", "fine_tune"]
    trainer: TrainerConfig
    """With the phase's own optimizer."""
    epochs: int
    rate: float
    """Peak learning rate."""
    unfreeze: Unfreeze | None = None
    """What is trained of a pretrained backbone."""
    freeze_norm: bool = False
    layer_decay: float = 1.0
    cached_views: int | None = None
    """How many times each training image goes through what is frozen; None: in each epoch."""


def plan(net: nn.Module, trainer: TrainerConfig) -> tuple[Phase, ...]:
    """The phases that ``trainer`` asks for with this network, whose layers are left frozen as for the first.

    Raises:
        ConfigError: See ``podium.models.unfreezing.check_stages``.
    """
    if not isinstance(net, TransferNet):
        return (Phase("train", trainer, trainer.epochs, trainer.learning_rate),)
    head = Phase("head", trainer, trainer.epochs, trainer.learning_rate, cached_views=trainer.cached_views)
    if trainer.fine_tune is None:
        return (head,)
    check_stages(net, trainer.fine_tune)
    enter(net, head)
    return head, *(_stage(trainer, trainer.fine_tune, what) for what in trainer.fine_tune.stages)


def _stage(trainer: TrainerConfig, tune: FineTuneConfig, what: Unfreeze) -> Phase:
    own = trainer
    if tune.optimizer and tune.optimizer != trainer.optimizer:  # what belongs to the first one does not go with it
        own = trainer.model_copy(update={"optimizer": tune.optimizer, "momentum": None, "unit_filters": False})
    return Phase(
        "fine_tune", own, tune.epochs, tune.learning_rate, what, tune.freeze_norm, tune.layer_decay, tune.cached_views
    )


def enter(net: nn.Module, phase: Phase) -> None:
    """Freeze and unfreeze the layers of ``net`` as the phase asks."""
    if isinstance(net, TransferNet):
        net.unfreeze(phase.unfreeze, freeze_norm=phase.freeze_norm)

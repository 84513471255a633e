"""Signs that a training failed, each with its cause named."""

from __future__ import annotations

import math

from torch import Tensor

from podium.errors import TrainingFailed

EXPLODED = 20.0
"""A training loss that lies this many nats above that of guessing evenly is no loss to go on with."""
SIGMAS = 3.0
"""By how many standard errors a network must beat guessing."""


def check_loss(loss: float, *, epoch: int, classes: int, rate: float) -> None:
    """Look at a mean training loss (in nats). Raises TrainingFailed if it is not finite, or exploded."""
    check_finite(loss, "training", epoch=epoch, rate=rate)
    guessing = math.log(classes)
    if loss > guessing + EXPLODED:
        raise TrainingFailed(
            f"the training loss exploded to {loss:.3g} in epoch {epoch}; guessing evenly costs {guessing:.3g}",
            remedy=_remedy(rate),
        )


def check_finite(loss: float, kind: str, *, epoch: int, rate: float) -> None:
    """Raises TrainingFailed if a loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise TrainingFailed(f"the {kind} loss became {loss} in epoch {epoch}", remedy=_remedy(rate))


def _remedy(rate: float) -> str:
    return f"lower the learning rate (now {rate:g}) and check the images' normalization"


def check_learned(confusion: Tensor, class_names: tuple[str, ...]) -> None:
    """Refuse a network that is not clearly better than guessing on the validation split.

    The measure is the mean recall over the classes present: guessing gives 1 / classes whatever their balance.

    Args:
        confusion: int64 C×C of the finished network; rows are true classes.
        class_names: In label order.

    Raises:
        TrainingFailed: names the recall, the bound, and the class if one class alone was predicted.
    """
    counts = confusion.sum(1)
    present = counts > 0
    recall = float((confusion.diagonal()[present] / counts[present]).double().mean())
    bound = chance_bound([int(n) for n in counts[present]])
    if recall > bound:
        return
    predicted = confusion.sum(0)
    only = f"; every prediction is {class_names[int(predicted.argmax())]!r}" if int((predicted > 0).sum()) == 1 else ""
    raise TrainingFailed(
        f"at chance level: mean validation recall is {recall:.3f} after training, guessing gives"
        f" {1 / int(present.sum()):.3f} and {bound:.3f} would be clearly better{only}",
        remedy="check that labels belong to the images and the input range is the network's; train longer,"
        " or change the learning rate",
    )


def chance_bound(counts: list[int]) -> float:
    """The mean recall that guessing stays below but for bad luck (``SIGMAS`` standard errors).

    Args:
        counts: Images of each class that is present.

    Returns:
        At most halfway between chance and 1, so that a tiny split can be passed at all.
    """
    classes = len(counts)
    chance = 1 / classes
    error = math.sqrt(chance * (1 - chance) * sum(1 / n for n in counts)) / classes
    return min(chance + SIGMAS * error, (1 + chance) / 2)

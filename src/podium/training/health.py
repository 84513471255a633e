"""Signs that a training failed, each with its cause named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from podium.errors import TrainingFailed

EXPLODED = 20.0
"""A training loss that lies this many nats above that of guessing evenly is no loss to go on with."""
EXPLODED_AGAIN = 5.0
"""The same for a network that has been better than guessing before."""
SIGMAS = 3.0
"""By how many standard errors a network must beat guessing."""
LOOK_EVERY = 50
"""Steps between two looks (which make a GPU wait), counted from the training's first."""
DEAD_LOOKS = 2
"""Looks in a row at which a layer's gradient must have been zero."""
EARLY = 0.1
"""Fraction of a phase after which a network must be better than guessing on the images that it is trained on."""
EARLY_EPOCHS = 2
"""Epochs that must have passed, too; those of a warm-up do not count."""
EARLY_STEPS = 200
"""Steps of such epochs that must have been taken, too: with few images, epochs are short."""
NO_BETTER = 0.999
"""Share of the labels' entropy above which a loss is that of guessing."""


@dataclass
class Health:
    """What has been seen of a training; kept in its checkpoints."""

    best: float | None = None
    """Lowest mean training loss."""
    learned: bool = False
    """Whether the network has been better than guessing in an epoch."""
    epochs: int = 0
    """Finished ones in which the learning rate did not rise."""
    steps: int = 0
    """Of these epochs."""
    idle: dict[str, int] = field(default_factory=dict)
    """Looks in a row at which the gradients of these parameters were zero."""

    def look(self, net: nn.Module, loss: float, *, step: int, epoch: int, classes: int, rate: float) -> None:
        """Look at a training after an optimizer's step.

        Args:
            net: With the gradients of its last step.
            loss: Mean over the epoch so far, in nats.
            step: How many the training has taken. Gradients are looked at every ``LOOK_EVERY`` of them, wherever epochs
                end and the training was interrupted.
            epoch: For messages.
            classes: Their number.
            rate: The learning rate.

        Raises:
            TrainingFailed: The loss is not finite or exploded, or a layer had no gradient at ``DEAD_LOOKS`` looks.
        """
        check_loss(loss, epoch=epoch, classes=classes, rate=rate, best=self.best)
        self.best = loss if self.best is None else min(self.best, loss)
        if step % LOOK_EVERY:
            return
        dead = _without_gradient(net) if loss > 0.1 * math.log(classes) else []  # one that knows it all has none, too
        self.idle = {name: self.idle.get(name, 0) + 1 for name in dead}
        check_gradients(net, self.idle, epoch=epoch, rate=rate)

    def finish_epoch(
        self, tally: Tensor, loss: float, *, epoch: int, steps: int, done: float, rate: float, rising: bool
    ) -> None:
        """Look at a finished epoch.

        Args:
            tally: int64 C×2: images of each class that were given a wrong and the right label while training.
            loss: Its mean loss, in nats.
            epoch: For messages.
            steps: Of the epoch.
            done: Fraction of the phase that is done.
            rate: The learning rate.
            rising: Whether that rose in the epoch.

        Raises:
            TrainingFailed: The network is at chance level, though it had time to leave it.
        """
        if self.learned:
            return
        counts = tally.sum(1)
        present = counts > 0
        counts, right = counts[present].double(), tally[present, 1].double()
        recall, bound = float((right / counts).mean()), chance_bound([int(n) for n in counts])
        shares = counts / counts.sum()
        entropy = -float((shares * shares.log()).sum())
        self.learned = recall > bound or loss < NO_BETTER * entropy
        if not rising:
            self.epochs, self.steps = self.epochs + 1, self.steps + steps
        early = self.epochs < EARLY_EPOCHS or self.steps < EARLY_STEPS or done < EARLY
        if self.learned or early or done >= 1:  # at the end, validation decides
            return
        raise TrainingFailed(
            f"at chance level after epoch {epoch}: mean recall on the training images is {recall:.3f}, guessing gives"
            f" {1 / len(counts):.3f}; the loss is {loss:.3g}, guessing gives {entropy:.3g}",
            remedy=f"{_remedy(rate)}; check that labels belong to the images",
        )


def _without_gradient(net: nn.Module) -> list[str]:
    """Names of the trained matrices and filters whose gradient is zero everywhere."""
    named = [(name, p.grad) for name, p in net.named_parameters() if p.ndim > 1 and p.grad is not None]
    if not named:
        return []
    norms = torch.stack(torch._foreach_norm([grad for _, grad in named], math.inf)).tolist()
    return [name for (name, _), norm in zip(named, norms, strict=True) if norm == 0]


def check_gradients(net: nn.Module, idle: Mapping[str, int], *, epoch: int, rate: float) -> None:
    """Raise TrainingFailed if a parameter of ``net`` had no gradient at ``DEAD_LOOKS`` looks (``idle``: looks)."""
    dead = [name for name, looks in idle.items() if looks >= DEAD_LOOKS]
    if not dead:
        return
    trained = sum(1 for p in net.parameters() if p.ndim > 1 and p.grad is not None)
    which = "all" if len(dead) == trained else f"{len(dead)} of {trained}"
    raise TrainingFailed(
        f"dead gradients in epoch {epoch}: those of {which} weights were zero at {DEAD_LOOKS} looks,"
        f" {LOOK_EVERY} steps apart (the first: {dead[0]!r})",
        remedy=f"lower the learning rate (now {rate:g}) or change the initialization: units behind these weights"
        " give the same for every image",
    )


def check_loss(loss: float, *, epoch: int, classes: int, rate: float, best: float | None = None) -> None:
    """Look at a mean training loss, and the lowest before it (in nats).

    Raises:
        TrainingFailed: It is not finite, or exploded: far above that of guessing.
    """
    check_finite(loss, "training", epoch=epoch, rate=rate)
    guessing = math.log(classes)
    learned = best is not None and best < guessing
    if loss <= guessing + (EXPLODED_AGAIN if learned else EXPLODED):
        return
    before = f"it had been {best:.3g}" if learned else f"guessing evenly costs {guessing:.3g}"
    raise TrainingFailed(f"the training loss exploded to {loss:.3g} in epoch {epoch}; {before}", remedy=_remedy(rate))


def check_finite(loss: float, kind: str, *, epoch: int, rate: float) -> None:
    """Raises TrainingFailed if a loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise TrainingFailed(f"the {kind} loss became {loss} in epoch {epoch}", remedy=_remedy(rate))


def _remedy(rate: float) -> str:
    return f"lower the learning rate (now {rate:g}) and check the images' normalization"


def check_learned(confusion: Tensor, class_names: tuple[str, ...], warnings: Sequence[str] = ()) -> None:
    """Refuse a network that is not clearly better than guessing on the validation split.

    Args:
        confusion: int64 C×C of the finished network; rows are true classes.
        class_names: In label order.
        warnings: What was noticed before: probably the cause.

    Raises:
        TrainingFailed: names the recall, the bound, and the class if one class alone was predicted.
    """
    if not at_chance(confusion):
        return
    recall, bound, present = _recall(confusion)
    predicted = confusion.sum(0)
    only = f"; every prediction is {class_names[int(predicted.argmax())]!r}" if int((predicted > 0).sum()) == 1 else ""
    noticed = "".join(f"; {warning}" for warning in warnings)
    raise TrainingFailed(
        f"at chance level: mean validation recall is {recall:.3f} after training, guessing gives"
        f" {1 / present:.3f} and {bound:.3f} would be clearly better{only}{noticed}",
        remedy="check that labels belong to the images and the input range is the network's; train longer,"
        " or change the learning rate",
    )


def at_chance(confusion: Tensor) -> bool:
    """Whether figures (int64 C×C; rows are true classes) are not clearly better than those of guessing.

    The measure is the mean recall over the classes present: guessing gives 1 / classes whatever their balance.
    """
    recall, bound, _ = _recall(confusion)
    return recall <= bound


def _recall(confusion: Tensor) -> tuple[float, float, int]:
    """Mean recall, what guessing stays below, and the number of classes present."""
    counts = confusion.sum(1)
    present = counts > 0
    recall = float((confusion.diagonal()[present] / counts[present]).double().mean())
    return recall, chance_bound([int(n) for n in counts[present]]), int(present.sum())


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

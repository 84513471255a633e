"""One epoch over the training split; it can be left after any step and gone on with later."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from podium.config import TrainerConfig
from podium.kernels import kernels
from podium.training.augment import Samples, augment_batch, mix
from podium.training.averaging import Averager
from podium.training.execution import Runner
from podium.training.feed import Feed
from podium.training.hardware import used_memory
from podium.training.health import LOOK_EVERY, Health
from podium.training.optimizers import set_rate
from podium.training.ranks import Ranks
from podium.training.stopping import Stop


@dataclass(frozen=True)
class Tick:
    """Where a training is, for a progress display."""

    phase: str
    epoch: int
    """From 1, counted through all phases."""
    step: int
    """Finished steps of the epoch."""
    steps: int
    images: int
    """Of an epoch."""
    loss: float
    """Mean over the epoch so far."""
    accuracy: float
    """Of the training images of the epoch so far, as the network was at their step."""
    images_per_second: float
    memory: int
    """Bytes taken now; see ``hardware.used_memory``."""


@dataclass(frozen=True)
class EpochResult:
    """Means over an epoch, as the network was while it was trained."""

    loss: float
    accuracy: float
    rate: float
    """Learning rate of the last step."""


@dataclass
class Position:
    """Where an epoch stands. Tensors lie on the device."""

    order: Tensor
    """int64 N: the images, as they come."""
    loss: Tensor
    """float64: summed over the images seen."""
    tally: Tensor
    """int64 C×2: images of each class that were given a wrong and the right label."""
    step: int = 0
    """Finished steps."""
    seconds: float = 0.0
    _since: float = field(default_factory=time.perf_counter)

    @classmethod
    def start(cls, count: int, classes: int, generator: torch.Generator) -> Position:
        """Begin with a new order of ``count`` images."""
        device = generator.device
        order = torch.randperm(count, generator=generator, device=device)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        return cls(order, loss, torch.zeros(classes, 2, dtype=torch.int64, device=device))

    @classmethod
    def restore(cls, tensors: dict[str, Tensor], step: int, seconds: float, device: torch.device) -> Position:
        """Go on where ``tensors`` was given."""
        order, loss, tally = (tensors[name].to(device) for name in ("order", "loss", "tally"))
        return cls(order, loss, tally, step, seconds)

    def tensors(self) -> dict[str, Tensor]:
        """Everything but step and seconds."""
        return {"order": self.order, "loss": self.loss, "tally": self.tally}

    def clock(self) -> float:
        """Add the time since the last call (or the start) to ``seconds``, and return them."""
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        return self.seconds

    def means(self, seen: int) -> tuple[float, float]:
        """Loss and accuracy of the images seen; makes a GPU wait."""
        return float(self.loss) / seen, int(self.tally[:, 1].sum()) / seen


def parts_of(size: int, trainer: TrainerConfig, ranks: Ranks) -> list[slice]:
    """Even parts of a batch of ``size``, each of at most ``micro_batch`` images a process."""
    count = math.ceil(size / ((trainer.micro_batch or size) * ranks.count))
    return [slice(size * i // count, size * (i + 1) // count) for i in range(count)]


@dataclass(frozen=True)
class Loop:
    """What all steps of a phase have in common."""

    run_net: Runner
    optimizer: Optimizer
    averager: Averager | None
    feed: Feed
    normalize: Callable[[Tensor], Tensor]
    trainer: TrainerConfig
    classes: int
    generator: torch.Generator
    """On the device; gives order, augmentation and dropout."""
    seed: int
    """Of the training."""
    ranks: Ranks

    def run(
        self,
        position: Position,
        health: Health,
        *,
        phase: str,
        epoch: int,
        rate: Callable[[int], float],
        stop: Stop,
        on_progress: Callable[[Tick], None] | None = None,
    ) -> EpochResult | None:
        """Train the network on the rest of an epoch.

        Args:
            position: Where to begin; kept up to date.
            health: Looks at the training every ``LOOK_EVERY`` steps and at the epoch's end.
            phase: Name of the phase, for ``on_progress``.
            epoch: Number of the epoch in the training, from 1.
            rate: Learning rate of a step, counted from 0 within this epoch.
            stop: Asked before each step.
            on_progress: Called whenever ``health`` has looked.

        Returns:
            The epoch's means; None if ``stop`` ended it before, after ``position.step`` steps.

        Raises:
            TrainingFailed: The training is of no use; see ``Health``.
        """
        net = self.run_net.net.train()
        size, count = self.trainer.batch_size, len(self.feed)
        steps = self.feed.steps(size)
        before, lr, loss, accuracy = (epoch - 1) * steps, 0.0, 0.0, 0.0
        with closing(self.feed.batches(position.order, size, position.step)) as batches:
            while position.step < steps:
                if self.ranks.asked(stop()):
                    return None
                lr = rate(position.step)
                set_rate(self.optimizer, lr)
                self._step(*next(batches), epoch, position)
                position.step += 1
                taken = before + position.step
                if taken % LOOK_EVERY == 0 or position.step == steps:
                    seen = count if position.step == steps else position.step * size
                    loss, accuracy = position.means(seen)
                    health.look(net, loss, step=taken, epoch=epoch, classes=self.classes, rate=lr)
                    if on_progress:
                        speed, memory = seen / position.clock(), used_memory(self.feed.device)
                        on_progress(Tick(phase, epoch, position.step, steps, count, loss, accuracy, speed, memory))
        return EpochResult(loss, accuracy, lr)

    def _step(self, index: Tensor, pixels: Tensor, truth: Tensor, epoch: int, position: Position) -> None:
        augment = self.trainer.augment
        with kernels(self.run_net.execution.kernels):
            pixels = augment_batch(pixels, augment, self.generator, Samples(index, epoch, self.seed))
            images, targets = mix(self.normalize(pixels), truth, self.classes, augment, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        lost = torch.zeros((), device=truth.device)
        tally = torch.zeros(position.tally.shape, device=truth.device)
        for part in parts_of(len(index), self.trainer, self.ranks):
            self._learn(images[part], targets[part], truth[part], len(index), lost, tally)
        with torch.no_grad():
            self.ranks.share(self.run_net.net, [lost, tally])
            position.loss += lost
            position.tally += tally.round().long()
        self.optimizer.step()
        if self.averager:
            self.averager.update()

    def _learn(self, images: Tensor, targets: Tensor, truth: Tensor, batch: int, lost: Tensor, tally: Tensor) -> None:
        """Add the gradients of a part of a batch of ``batch`` images, its losses, and which labels were right."""
        rows = self.ranks.take(len(truth))
        images, targets, truth, part = images[rows], targets[rows], truth[rows], len(truth)
        weight = self.ranks.weight(rows, part) * part
        logits = self.run_net(images)
        loss = functional.cross_entropy(logits, targets, label_smoothing=self.trainer.label_smoothing)
        (loss * (weight / batch)).backward()
        with torch.no_grad():
            lost += loss.detach() * weight
            right = (logits.argmax(1) == truth).long()
            each = torch.full(truth.shape, weight / len(truth), device=truth.device)
            tally.view(-1).index_add_(0, truth * 2 + right, each)

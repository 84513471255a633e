"""One epoch over the training split."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from podium.config import TrainerConfig
from podium.training.augment import augment_batch
from podium.training.health import check_loss
from podium.training.inputs import Normalizer
from podium.training.optimizers import set_rate

REPORT_EVERY = 50
"""Steps between two looks at the loss (which make a GPU wait)."""


@dataclass(frozen=True)
class Tick:
    """Where a training is, for a progress display."""

    phase: str
    epoch: int
    """From 1, counted through all phases."""
    step: int
    """Finished steps of the epoch."""
    steps: int
    loss: float
    """Mean over the epoch so far."""
    images_per_second: float


@dataclass(frozen=True)
class EpochResult:
    """Means over an epoch, as the network was while it was trained."""

    loss: float
    accuracy: float
    rate: float
    """Learning rate of the last step."""


@dataclass(frozen=True)
class TrainingData:
    """The training split on the device."""

    images: Tensor
    """uint8 N×H×W×3."""
    labels: Tensor
    """int64 N."""
    normalize: Normalizer
    classes: int

    def steps(self, batch_size: int) -> int:
        """Batches an epoch; the last one may be smaller."""
        return -(-len(self.labels) // batch_size)


def run_epoch(
    net: nn.Module,
    optimizer: Optimizer,
    data: TrainingData,
    trainer: TrainerConfig,
    *,
    phase: str,
    epoch: int,
    rate: Callable[[int], float],
    generator: torch.Generator,
    on_progress: Callable[[Tick], None] | None = None,
) -> EpochResult:
    """Train ``net`` on every image once, in a new order.

    Args:
        net: On the data's device.
        optimizer: Over its trainable parameters.
        data: The training split.
        trainer: Batch size, label smoothing, augmentation.
        phase: Name of the phase, for ``on_progress``.
        epoch: Number of the epoch, for messages.
        rate: Learning rate of a step, counted from 0 within this epoch.
        generator: On the data's device; gives order, augmentation and dropout.
        on_progress: Called every ``REPORT_EVERY`` steps and at the end.

    Raises:
        TrainingFailed: The mean loss is not finite, or exploded.
    """
    net.train()
    device = data.images.device
    steps = data.steps(trainer.batch_size)
    order = torch.randperm(len(data.labels), generator=generator, device=device)
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    start = time.perf_counter()
    seen, mean, lr = 0, 0.0, 0.0
    for step, index in enumerate(order.split(trainer.batch_size)):
        lr = rate(step)
        set_rate(optimizer, lr)
        truth = data.labels[index]
        images = augment_batch(data.images[index], trainer.augment, generator)
        logits = net(data.normalize(images))
        loss = functional.cross_entropy(logits, truth, label_smoothing=trainer.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            loss_sum += loss.detach() * len(index)
            correct += (logits.argmax(1) == truth).sum()
        seen += len(index)
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            mean = float(loss_sum) / seen
            check_loss(mean, epoch=epoch, classes=data.classes, rate=lr)
            if on_progress:
                on_progress(Tick(phase, epoch, step + 1, steps, mean, seen / (time.perf_counter() - start)))
    return EpochResult(mean, int(correct) / seen, lr)

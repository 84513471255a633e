"""What a finished training reports."""

from __future__ import annotations

import torch

from podium.config import Candidate
from podium.results import TrainingSummary
from podium.training.checkpoint import Progress
from podium.training.execution import Execution
from podium.training.hardware import peak_memory


def summarize(
    candidate: Candidate,
    progress: Progress,
    execution: Execution,
    device: torch.device,
    *,
    validation: tuple[float, float],
    parameters: tuple[int, int],
    images: int,
    resumed_from: int | None,
) -> TrainingSummary:
    """Sum up a training.

    Args:
        candidate: What was trained.
        progress: At its end.
        execution: How the network was run.
        device: Where.
        validation: Loss and accuracy of the finished network.
        parameters: See ``podium.models.count_parameters``.
        images: Of the training split.
        resumed_from: The last epoch of the checkpoint that was gone on from, if there was one.
    """
    epochs = len(progress.history)
    return TrainingSummary(
        candidate=candidate.name,
        recipe=candidate.recipe.id,
        parameters=parameters[0],
        trainable_parameters=parameters[1],
        epochs=epochs,
        best_epoch=progress.stopping.best_epoch if progress.stopping else epochs,
        stopped_early=progress.stopped_early,
        validation_loss=validation[0],
        validation_accuracy=validation[1],
        train_seconds=progress.seconds,
        images_per_second=epochs * images / progress.seconds,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=candidate.threads,
        processes=candidate.processes,
        precision=execution.precision,
        compiled=execution.compiled,
        peak_memory=peak_memory(device),
        seed=candidate.seed,
        resumed_from=resumed_from,
        warnings=tuple(progress.warnings),
        history=tuple(progress.history),
    )

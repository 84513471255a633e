"""What a finished training reports, and gives."""

from __future__ import annotations

import torch
from torch import nn

from podium.bundle import Bundle
from podium.config import Candidate
from podium.results import TrainingSummary
from podium.training.assess import Figures
from podium.training.checkpoint import Progress
from podium.training.execution import Execution
from podium.training.hardware import peak_memory
from podium.training.job import Job


def bundle_of(
    net: nn.Module,
    job: Job,
    progress: Progress,
    execution: Execution,
    figures: Figures,
    *,
    parameters: tuple[int, int],
    images: int,
    resumed_from: int | None,
) -> Bundle:
    """The finished network on the CPU, with the summary of its training.

    Args:
        net: With the selected weights.
        job: What was asked for.
        progress: At its end.
        execution: How the network was run.
        figures: Of the finished network on the validation split.
        parameters: See ``podium.models.count_parameters``.
        images: Of the training split.
        resumed_from: The last epoch of the checkpoint that was gone on from, if there was one.
    """
    summary = summarize(
        job.candidate,
        progress,
        execution,
        job.device,
        validation=(figures.loss, figures.accuracy),
        parameters=parameters,
        images=images,
        resumed_from=resumed_from,
    )
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    return Bundle(job.candidate, job.contract, job.dataset.manifest.digest, state, summary)


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
        kernels=execution.kernels,
        peak_memory=peak_memory(device),
        seed=candidate.seed,
        resumed_from=resumed_from,
        warnings=tuple(progress.warnings),
        history=tuple(progress.history),
    )

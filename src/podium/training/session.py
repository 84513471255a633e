"""One training from its beginning or its checkpoint to the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from podium.bundle import Bundle
from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Dataset
from podium.models import count_parameters
from podium.models.layers import set_dropout_generator
from podium.results import EpochRecord, TrainingSummary
from podium.training.callbacks import EarlyStopping, Plateau
from podium.training.checkpoint import Checkpoint, Progress, load_checkpoint
from podium.training.epoch import Tick, TrainingData, run_epoch
from podium.training.health import check_finite, check_learned
from podium.training.inputs import Normalizer, to_device
from podium.training.optimizers import load_state_tensors, make_optimizer, state_tensors
from podium.training.phases import Phase, enter, plan
from podium.training.predict import assess
from podium.training.schedules import learning_rate

log = logging.getLogger(__name__)

OnEpoch = Callable[[EpochRecord], None]
OnProgress = Callable[[Tick], None]


@dataclass(frozen=True)
class Job:
    """What is trained, on what, where."""

    candidate: Candidate
    contract: InputContract
    dataset: Dataset
    device: torch.device
    work: Path
    identity: str
    """Of the training, see ``podium.training.identity``."""


class Session:
    """The moving parts of one training: network, best weights, random generator, progress."""

    def __init__(self, job: Job, net: nn.Module) -> None:
        self.job = job
        self.trainer = job.candidate.trainer
        self.phases = plan(net, self.trainer)
        self.parameters = count_parameters(net)
        self.net = net.to(job.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = torch.Generator(job.device).manual_seed(job.candidate.seed)
        set_dropout_generator(self.net, self.generator)
        self.normalize = Normalizer.of(job.contract, job.device)
        self.classes = len(job.contract.class_names)
        self.train = TrainingData(*to_device(job.dataset["train"], job.device), self.normalize, self.classes)
        self.validation = to_device(job.dataset["validation"], job.device)
        self.progress = Progress()
        if self.trainer.early_stopping:
            self.progress.stopping = EarlyStopping.of(self.trainer.early_stopping)
        self.best: dict[str, Tensor] = {}

    def run(self, on_epoch: OnEpoch | None, on_progress: OnProgress | None) -> Bundle:
        """Train to the end. Raises TrainingFailed with the cause if that is no use."""
        checkpoint = load_checkpoint(self.job.work, self.job.identity)
        resumed_from = self._restore(checkpoint) if checkpoint else None
        while self.progress.phase < len(self.phases):
            phase = self.phases[self.progress.phase]
            enter(self.net, phase)
            optimizer = make_optimizer(self.net, self.trainer, phase.rate)
            if checkpoint and self.progress.epochs:
                load_state_tensors(optimizer, checkpoint.optimizer)
            checkpoint = None
            if self.trainer.plateau and self.progress.plateau is None:
                self.progress.plateau = Plateau.of(self.trainer.plateau, phase.rate)
            while self.progress.epochs < phase.epochs and not self._stopped:
                record = self._epoch(phase, optimizer, on_progress)
                self._checkpoint(optimizer)
                if on_epoch:
                    on_epoch(record)
            self._leave_phase()
        *_, confusion = assess(self.net, *self.validation, self.normalize, self.classes)
        check_learned(confusion, self.job.contract.class_names)
        return self._bundle(resumed_from)

    @property
    def _stopped(self) -> bool:
        return self.progress.stopping is not None and self.progress.stopping.stop

    def _epoch(self, phase: Phase, optimizer: Optimizer, on_progress: OnProgress | None) -> EpochRecord:
        start = time.perf_counter()
        number = len(self.progress.history) + 1
        result = run_epoch(
            self.net,
            optimizer,
            self.train,
            self.trainer,
            phase=phase.name,
            epoch=number,
            rate=partial(self._rate, phase),
            generator=self.generator,
            on_progress=on_progress,
        )
        loss, accuracy, _ = assess(self.net, *self.validation, self.normalize, self.classes)
        check_finite(loss, "validation", epoch=number, rate=result.rate)
        if self.progress.stopping and self.progress.stopping.update(number, accuracy, loss):
            self.best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        if self.progress.plateau:
            self.progress.plateau.update(loss)
        record = EpochRecord(
            phase=phase.name,
            epoch=number,
            train_loss=result.loss,
            train_accuracy=result.accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=result.rate,
            seconds=time.perf_counter() - start,
        )
        self.progress.history.append(record)
        self.progress.epochs += 1
        self.progress.seconds += record.seconds
        log.info(
            "%s: %s epoch %d: loss %.4f, validation accuracy %.4f, %.1f s",
            *(self.job.candidate.name, phase.name, number, result.loss, accuracy, record.seconds),
        )
        return record

    def _rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step of the current epoch."""
        if self.progress.plateau:
            return self.progress.plateau.rate
        steps = self.train.steps(self.trainer.batch_size)
        done = self.progress.epochs * steps + step
        return learning_rate(self.trainer, phase.rate, done, phase.epochs * steps)

    def _leave_phase(self) -> None:
        """Go back to the best weights; the next phase has its own patience and learning rate."""
        progress = self.progress
        if progress.stopping:
            progress.stopped_early = progress.stopped_early or progress.stopping.stop
            progress.stopping.waited = 0
            self.net.load_state_dict(self.best)
        progress.plateau = None
        progress.phase += 1
        progress.epochs = 0

    def _checkpoint(self, optimizer: Optimizer) -> None:
        Checkpoint(
            self.progress, self.net.state_dict(), self.best, state_tensors(optimizer), self.generator.get_state()
        ).save(self.job.work, self.job.identity)

    def _restore(self, checkpoint: Checkpoint) -> int:
        self.progress = checkpoint.progress
        self.net.load_state_dict(checkpoint.model)
        state = self.net.state_dict()
        self.best = {name: torch.empty_like(state[name]).copy_(value) for name, value in checkpoint.best.items()}
        self.generator.set_state(checkpoint.generator)
        epoch = len(self.progress.history)
        log.info("%s: continuing after epoch %d", self.job.candidate.name, epoch)
        return epoch

    def _bundle(self, resumed_from: int | None) -> Bundle:
        progress, candidate = self.progress, self.job.candidate
        epochs = len(progress.history)
        summary = TrainingSummary(
            candidate=candidate.name,
            recipe=candidate.recipe.id,
            parameters=self.parameters[0],
            trainable_parameters=self.parameters[1],
            epochs=epochs,
            best_epoch=progress.stopping.best_epoch if progress.stopping else epochs,
            stopped_early=progress.stopped_early,
            train_seconds=progress.seconds,
            images_per_second=epochs * len(self.train.labels) / progress.seconds,
            device=_describe(self.job.device),
            threads=candidate.threads,
            seed=candidate.seed,
            resumed_from=resumed_from,
            history=tuple(progress.history),
        )
        state = {name: value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        return Bundle(candidate, self.job.contract, self.job.dataset.manifest.digest, state, summary)


def _describe(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"

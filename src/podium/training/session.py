"""One training from its beginning or its checkpoint to the result."""

from __future__ import annotations

import logging
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
from podium.training.epoch import Loop, Position, Tick
from podium.training.feed import open_feed
from podium.training.health import check_finite, check_learned
from podium.training.inputs import Normalizer
from podium.training.optimizers import load_state_tensors, make_optimizer, state_tensors
from podium.training.phases import Phase, enter, plan
from podium.training.predict import assess
from podium.training.schedules import learning_rate
from podium.training.stopping import Request

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
        self.train = open_feed(job.dataset["train"], job.device)
        self.validation = open_feed(job.dataset["validation"], job.device)
        self.progress = Progress()
        if self.trainer.early_stopping:
            self.progress.stopping = EarlyStopping.of(self.trainer.early_stopping)
        self.best: dict[str, Tensor] = {}
        self.position: Position | None = None
        """Where the epoch that a checkpoint was made in is gone on with."""

    def run(self, stop: Request, on_epoch: OnEpoch | None, on_progress: OnProgress | None) -> Bundle:
        """Train to the end.

        Raises:
            TrainingFailed: It is no use; the cause.
            TrainingStopped: ``stop`` asked for it; the state is saved.
        """
        checkpoint = load_checkpoint(self.job.work, self.job.identity)
        resumed_from = self._restore(checkpoint) if checkpoint else None
        while self.progress.phase < len(self.phases):
            phase = self.phases[self.progress.phase]
            enter(self.net, phase)
            optimizer = make_optimizer(self.net, self.trainer, phase.rate)
            if checkpoint and (self.progress.epochs or self.progress.step):
                load_state_tensors(optimizer, checkpoint.groups["optimizer"])
            checkpoint = None
            if self.trainer.plateau and self.progress.plateau is None:
                self.progress.plateau = Plateau.of(self.trainer.plateau, phase.rate)
            while self.progress.epochs < phase.epochs and not self._stopped:
                record = self._epoch(phase, optimizer, stop, on_progress)
                self._checkpoint(optimizer)
                if on_epoch:
                    on_epoch(record)
            self._leave_phase()
        *_, confusion = assess(self.net, self.validation, self.normalize, self.classes)
        check_learned(confusion, self.job.contract.class_names)
        return self._bundle(resumed_from)

    @property
    def _stopped(self) -> bool:
        return self.progress.stopping is not None and self.progress.stopping.stop

    def _epoch(self, phase: Phase, optimizer: Optimizer, stop: Request, on_progress: OnProgress | None) -> EpochRecord:
        progress, number = self.progress, len(self.progress.history) + 1
        position = self.position or Position.start(len(self.train), self.classes, self.generator)
        self.position = None
        loop = Loop(
            self.net, optimizer, self.train, self.normalize, self.trainer, self.classes, self.generator
        )  # fmt: skip
        result = loop.run(
            position,
            progress.health,
            phase=phase.name,
            epoch=number,
            rate=partial(self._rate, phase),
            stop=stop,
            on_progress=on_progress,
        )
        if result is None:
            progress.step, progress.epoch_seconds = position.step, position.clock()
            self._checkpoint(optimizer, position)
            raise stop.error(self.job.candidate.name, f"in epoch {number} after step {position.step}")
        progress.epochs += 1
        progress.health.finish_epoch(
            position.tally.cpu(),
            result.loss,
            epoch=progress.epochs,
            done=progress.epochs / phase.epochs,
            rate=result.rate,
        )
        loss, accuracy, _ = assess(self.net, self.validation, self.normalize, self.classes)
        check_finite(loss, "validation", epoch=number, rate=result.rate)
        if progress.stopping and progress.stopping.update(number, accuracy, loss):
            self.best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        if progress.plateau:
            progress.plateau.update(loss)
        record = EpochRecord(
            phase=phase.name,
            epoch=number,
            train_loss=result.loss,
            train_accuracy=result.accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=result.rate,
            seconds=position.clock(),
        )
        progress.history.append(record)
        progress.seconds += record.seconds
        progress.step, progress.epoch_seconds = 0, 0.0
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

    def _checkpoint(self, optimizer: Optimizer, position: Position | None = None) -> None:
        groups = {"model": self.net.state_dict(), "best": self.best, "optimizer": state_tensors(optimizer)}
        if position:
            groups["epoch"] = position.tensors()
        checkpoint = Checkpoint(self.progress, groups, self.generator.get_state())
        checkpoint.save(self.job.work, self.job.identity)

    def _restore(self, checkpoint: Checkpoint) -> int:
        self.progress, groups = checkpoint.progress, checkpoint.groups
        self.net.load_state_dict(groups["model"])
        state = self.net.state_dict()
        best = groups.get("best", {})
        self.best = {name: torch.empty_like(state[name]).copy_(value) for name, value in best.items()}
        self.generator.set_state(checkpoint.generator)
        if "epoch" in groups:
            step, seconds = self.progress.step, self.progress.epoch_seconds
            self.position = Position.restore(groups["epoch"], step, seconds, self.job.device)
        epoch = len(self.progress.history)
        log.info("%s: continuing after epoch %d, step %d", self.job.candidate.name, epoch, self.progress.step)
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
            images_per_second=epochs * len(self.train) / progress.seconds,
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

"""One training from its beginning or its checkpoint to the result."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from podium.bundle import Bundle
from podium.data.freed import give_back
from podium.kernels import install as install_kernels
from podium.models import count_parameters
from podium.models.layers import set_dropout_generator
from podium.models.transfer import TransferNet
from podium.results import EpochRecord
from podium.training.assess import Figures, assess
from podium.training.averaging import Averager
from podium.training.batch_norm import DRIFTED, IMAGES, check_inputs, check_statistics
from podium.training.callbacks import EarlyStopping, Plateau
from podium.training.checkpoint import Checkpoint, Progress, load_checkpoint
from podium.training.epoch import Loop, Position, parts_of
from podium.training.execution import Execution, Runner
from podium.training.feed import open_feed
from podium.training.health import at_chance, check_learned
from podium.training.identity import tuning_key
from podium.training.inputs import Normalizer
from podium.training.job import Job, OnEpoch, OnProgress
from podium.training.optimizers import make_optimizer
from podium.training.phases import Phase, enter, plan
from podium.training.preparing import first_images, prepare_network, some_images
from podium.training.schedules import learning_rate
from podium.training.selection import Selection
from podium.training.stage import Stage, check_kept, stage_of
from podium.training.stopping import Request, Stop
from podium.training.strided import mend_strided
from podium.training.summary import bundle_of
from podium.training.tuning import Measured, choose, tune

log = logging.getLogger(__name__)


class Session:
    """The moving parts of one training: network, random generator, progress, and what is selected of it."""

    def __init__(self, job: Job, net: nn.Module, backbone_key: str = "") -> None:
        self.job = job
        self.backbone_key = backbone_key
        """See ``podium.training.identity``."""
        self.trainer = job.candidate.trainer
        self.phases = plan(net, self.trainer)
        self.parameters = count_parameters(net)
        if job.device.type == "cpu":
            mend_strided(net)
            install_kernels(net, whole=not isinstance(net, TransferNet))
        self.net = net.to(job.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = torch.Generator(job.device).manual_seed(job.candidate.seed)
        set_dropout_generator(self.net, self.generator, job.ranks.rows)
        self.normalize = Normalizer.of(job.contract, job.device)
        self.classes = len(job.contract.class_names)
        self.train = open_feed(job.dataset["train"], job.device)
        self.validation = open_feed(job.dataset["validation"], job.device)
        self.parts = parts_of(min(self.trainer.batch_size, len(self.train)), self.trainer, job.ranks)
        """Of the largest batch: a recipe may ask for more images than there are."""
        self.progress = Progress()
        if self.trainer.early_stopping:
            self.progress.stopping = EarlyStopping.of(self.trainer.early_stopping)
        self.averager: Averager | None = None
        self.selection = Selection(self.net, self.progress, self._assess, {})
        self.position: Position | None = None
        """Where the epoch that a checkpoint was made in is gone on with."""

    def tune(self, cache: Path | None, stop: Stop) -> Execution | None:
        """Measure how the network is run best; see ``podium.training.tuning.tune``."""
        job = self.job
        on_images = [phase for phase in self.phases if phase.cached_views is None]
        if not on_images:
            return choose(Measured(), self.trainer, 0, job.device)  # nothing to measure
        steps = len(self.parts) * sum(phase.epochs for phase in on_images) * self.train.steps(self.trainer.batch_size)
        images, labels = first_images(self.train, self._take_part())
        key = tuning_key(job.candidate, job.contract, self.parts[-1].stop, job.device)
        enter(self.net, on_images[-1])  # the one that trains most
        return tune(self.net, (self.normalize(images), labels), self.trainer, steps, key=key, cache=cache, stop=stop)

    def begin(self, execution: Execution) -> Stage:
        """Settle how the network is run; the stage with images and the whole network."""
        runner = Runner(self.net, execution, self.job.device, self._take_part())
        self.stage = Stage(runner, self.train, self.validation, self.normalize, self.trainer)
        return self.stage

    def run(
        self,
        execution: Execution,
        identity: str,
        stop: Request,
        on_epoch: OnEpoch | None,
        on_progress: OnProgress | None,
    ) -> Bundle:
        """Train to the end.

        Args:
            execution: How the network is run.
            identity: Of the training, ``execution`` included; see ``podium.training.identity``.
            stop: Asked before each step.
            on_epoch: See ``podium.training.train``.
            on_progress: Likewise.

        Raises:
            TrainingFailed: It is no use; the cause.
            TrainingStopped: ``stop`` asked for it; the state is saved.
        """
        self.identity = identity
        whole = self.begin(execution)
        checkpoint = load_checkpoint(self.job.work, identity)
        resumed_from = self._restore(checkpoint) if checkpoint else None
        if checkpoint is None:
            prepare_network(self.net, self.job.candidate, self.train, self.normalize, self.job.start)
            if isinstance(self.net, TransferNet):
                self.progress.warn(self.job.candidate.name, check_inputs(self.net, self._sample()[0], self.normalize))
        self.job.ranks.follow_first(self.net.state_dict().values())
        check_kept(self.phases, whole, self.job)
        give_back()  # what measuring and preparing have freed would add to what the steps take
        while self.progress.phase < len(self.phases):
            phase = self.phases[self.progress.phase]
            enter(self.net, phase)
            self.stage = stage_of(phase, whole, self.job, self.backbone_key, stop)
            self.progress.seconds += self.stage.seconds
            self.averager = Averager(self.net, self.trainer.averaging) if self.trainer.averaging else None
            optimizer = make_optimizer(self.net, phase.trainer, phase.rate, phase.layer_decay)
            if checkpoint and (self.progress.epochs or self.progress.step):
                checkpoint.restore_phase(optimizer, self.averager)
            checkpoint = None
            if self.trainer.plateau and self.progress.plateau is None:
                self.progress.plateau = Plateau.of(self.trainer.plateau, phase.rate)
            while self.progress.epochs < phase.epochs and not self._stopped:
                record = self._epoch(phase, optimizer, stop, on_progress)
                self._checkpoint(optimizer)
                if on_epoch:
                    on_epoch(record)
            self.selection.after_phase(self.averager)
            progress = self.progress
            progress.phase, progress.epochs, progress.plateau = progress.phase + 1, 0, None
            if progress.phase < len(self.phases):  # whoever goes on needs no features of this phase
                self._checkpoint(optimizer)
        self.stage = whole
        figures = self.selection.of_the_result(self.job.candidate.recipe.model.views)
        check_learned(figures.confusion, self.job.contract.class_names, self.progress.warnings)
        return bundle_of(
            self.net, self.job, self.progress, self.stage.runner.execution, figures,
            parameters=self.parameters, images=len(self.train), resumed_from=resumed_from,
        )  # fmt: skip

    def _sample(self) -> tuple[Tensor, Tensor]:
        return some_images(self.train, IMAGES, seed=self.job.candidate.seed)

    def _take_part(self) -> int:
        """Images that the network is shown at once, of the largest batch."""
        rows = self.job.ranks.take(self.parts[0].stop)
        return rows.stop - rows.start

    def _assess(self, views: bool) -> Figures:
        ranks = self.job.ranks
        give_back()  # the steps' blocks do not fit a validation's, and would add to them
        stage = self.stage
        return assess(stage.runner, stage.validation, stage.normalize, self.classes, views=views, ranks=ranks)

    @property
    def _stopped(self) -> bool:
        return self.progress.stopping is not None and self.progress.stopping.stop

    def _epoch(self, phase: Phase, optimizer: Optimizer, stop: Request, on_progress: OnProgress | None) -> EpochRecord:
        progress, number = self.progress, len(self.progress.history) + 1
        position = self.position or Position.start(len(self.train), self.classes, self.generator)
        self.position = None
        self.stage.turn(progress.epochs)
        result = self.loop(optimizer).run(
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
        rising = result.rate > self._rate(phase, 0)
        progress.epochs += 1
        done = progress.epochs / phase.epochs
        progress.health.finish_epoch(
            position.tally.cpu(), result.loss,
            epoch=number, steps=position.step, done=done, rate=result.rate, rising=rising,
        )  # fmt: skip
        figures = self.selection.after_epoch(number, self.averager, rate=result.rate)
        if progress.health.learned and at_chance(figures.confusion) and not progress.warned(DRIFTED):
            progress.warn(self.job.candidate.name, check_statistics(self.net, *self._sample(), self.normalize))
        record = EpochRecord(
            phase=phase.name,
            epoch=number,
            train_loss=result.loss,
            train_accuracy=result.accuracy,
            validation_loss=figures.loss,
            validation_accuracy=figures.accuracy,
            learning_rate=result.rate,
            seconds=position.clock(),
        )
        progress.finish(record)
        log.info(
            "%s: %s epoch %d: loss %.4f, validation accuracy %.4f, %.1f s",
            *(self.job.candidate.name, phase.name, number, result.loss, figures.accuracy, record.seconds),
        )
        return record

    def loop(self, optimizer: Optimizer) -> Loop:
        """The steps of a phase."""
        stage = self.stage
        return Loop(
            stage.runner, optimizer, self.averager, stage.train, stage.normalize, stage.trainer, self.classes,
            self.generator, self.job.candidate.seed, self.job.ranks,
        )  # fmt: skip

    def _rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step of the current epoch."""
        if self.progress.plateau:
            return self.progress.plateau.rate
        steps = self.train.steps(self.trainer.batch_size)
        done = self.progress.epochs * steps + step
        return learning_rate(self.trainer, phase.rate, done, phase.epochs * steps)

    def _checkpoint(self, optimizer: Optimizer, position: Position | None = None) -> None:
        if not self.job.ranks.first:
            return
        checkpoint = Checkpoint.of(
            self.progress, self.net, optimizer,
            best=self.selection.best, averager=self.averager, position=position, generator=self.generator,
        )  # fmt: skip
        checkpoint.save(self.job.work, self.identity)

    def _restore(self, checkpoint: Checkpoint) -> int:
        self.progress = checkpoint.progress
        best, self.position = checkpoint.restore(self.net, self.generator)
        self.selection = Selection(self.net, self.progress, self._assess, best)
        epoch = len(self.progress.history)
        log.info("%s: continuing after epoch %d, step %d", self.job.candidate.name, epoch, self.progress.step)
        return epoch

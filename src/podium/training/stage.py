"""What the steps of a phase are given: images and the whole network, or what its frozen part made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import cache as cache_once
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from podium.config import AugmentConfig, TrainerConfig
from podium.digest import digest_json
from podium.errors import ConfigError
from podium.models.cut import HEAD, Cut, cut
from podium.models.transfer import TransferNet
from podium.training.execution import Execution, Runner
from podium.training.feature_cache import FeatureCache, size_of
from podium.training.feature_pass import BATCH, Asked, Pass
from podium.training.feed import Batch, Feed, divide
from podium.training.job import Job
from podium.training.onnx_pass import onnx_pass
from podium.training.phases import Phase, enter
from podium.training.ranks import Ranks
from podium.training.stopping import Request, Stop

Normalize = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Stage:
    """What the steps and the validation of a phase work with."""

    runner: Runner
    train: Feed
    validation: Feed
    normalize: Normalize
    trainer: TrainerConfig
    seconds: float = 0.0
    """That getting it ready took."""

    def turn(self, epoch: int) -> None:
        """Get ready for an epoch of the phase, counted from 0."""
        if isinstance(self.train, FeatureFeed):
            self.train.turn(epoch)


class FeatureFeed(Feed):
    """Features in place of images. Epochs take turns with their views.

    Args:
        values: float32 V×N×…, maps with their channels last: of each view of each image; a mapped file, of which
            nothing but batches is copied.
        labels: int64 N, on the device.
    """

    def __init__(self, values: NDArray[np.float32], labels: Tensor) -> None:
        super().__init__(labels)
        self.values = torch.from_numpy(values)
        self.view = 0

    def turn(self, epoch: int) -> None:
        """Take the view of this epoch, counted from 0."""
        self.view = epoch % len(self.values)

    def batches(self, order: Tensor, batch_size: int, first: int = 0) -> Generator[Batch]:
        """One gather a batch."""
        values = self.values[self.view]
        for index in divide(order, batch_size)[first:]:
            features = values.index_select(0, index.cpu()).to(self.device)
            yield Batch(index, _channels_first(features), self.labels.index_select(0, index))


def stage_of(phase: Phase, whole: Stage, job: Job, key: str, stop: Request) -> Stage:
    """What a phase works with: images, or features where the recipe asks for them.

    Args:
        phase: The backbone is as it asks for.
        whole: With images and the whole network.
        job: The training.
        key: See ``podium.training.identity.backbone_key``.
        stop: Asked while features are computed.

    Raises:
        ConfigError: The network cannot be cut where the phase asks for it.
        TrainingStopped: As ``stop`` said.
        TrainingFailed: Features take more room than there is.
    """
    if phase.cached_views is None:
        return whole
    cache = FeatureCache(job.features or job.work / "features")
    work = partial(with_features, whole, cache, views=phase.cached_views, seed=job.candidate.seed, key=key)
    start = time.perf_counter()
    try:
        stage = work(stop=stop) if job.ranks.alone else _first_alone(work, job.ranks, stop)
    except Asked:
        raise stop.error(job.candidate.name, "while features were computed") from None
    return replace(stage, seconds=time.perf_counter() - start)


def _first_alone(work: Callable[..., Stage], ranks: Ranks, stop: Stop) -> Stage:
    """Let rank 0 compute features and the others open them; a stop that any of them is asked for ends all.

    While rank 0 computes, all say again and again whether they were asked to stop, and rank 0 whether it has done.
    """
    told = False

    def vote() -> bool:
        nonlocal told
        if not told:  # after that, nobody votes any more
            told = ranks.asked(stop())
            ranks.asked(False)
        return told

    if ranks.first:
        stage = work(stop=vote)
        asked = ranks.asked(stop())
        ranks.asked(True)
        if asked:
            raise Asked
        return stage
    done = False
    while not done:
        asked = ranks.asked(stop())
        done = ranks.asked(False)
        if asked:
            raise Asked
    return work(stop=stop)  # they are there: nothing is asked


def with_features(stage: Stage, cache: FeatureCache, *, views: int, seed: int, key: object, stop: Stop) -> Stage:
    """The stage of a phase in which layers are frozen, with what these make of images in place of the images.

    Args:
        stage: With images, and a ``TransferNet``.
        cache: Where features are kept.
        views: Of each training image: the image as it is, and augmented ones.
        seed: Of the augmentation.
        key: What else features follow from: weights, data, contract, code.
        stop: Asked while features are computed.

    Raises:
        Asked: As ``stop`` said.
        ConfigError: The network cannot be cut above its frozen layers.
        TrainingFailed: Features take more room than there is.
    """
    runner = stage.runner
    parts = _parts(stage)
    shapes = _shapes(stage, parts, views)
    augment = stage.trainer.augment
    drawn = [seed, augment.model_dump(mode="json")] if views > 1 else None
    name = digest_json([key, parts.name, views, drawn, runner.execution.precision])[:32]

    feeds = {"train": stage.train, "validation": stage.validation}

    @cache_once
    def work() -> Pass:
        run = _fastest(parts.lower, stage, sum(shape[0] * shape[1] for shape in shapes.values()), stop)
        return Pass(lambda images: _channels_last(run(stage.normalize(images))), augment, seed, stop)

    arrays = cache.get(
        name, shapes, lambda split, array, done, tell: work().fill(array, feeds[split], done, tell), stop
    )
    if arrays is None:
        raise Asked
    whole = parts.name == HEAD
    return replace(
        stage,
        runner=Runner(
            parts.upper,
            # Compiling a head does not pay.
            Execution(precision=runner.execution.precision) if whole else runner.execution,
            runner.device,
            0 if whole else runner.batch_size,
        ),
        train=FeatureFeed(arrays["train"], stage.train.labels),
        validation=FeatureFeed(arrays["validation"], stage.validation.labels),
        normalize=lambda features: features,
        trainer=stage.trainer.model_copy(update={"augment": AugmentConfig()}),
    )


def check_kept(phases: Sequence[Phase], whole: Stage, job: Job) -> None:
    """Try before the first step what would end the training after its first phase; layers are left frozen as for that.

    Raises:
        ConfigError: The network cannot be cut where a phase asks for it.
        TrainingFailed: Features of a phase are more than are ever kept.
    """
    cache = FeatureCache(job.features or job.work / "features")
    for phase in phases[1:]:
        if phase.cached_views:
            enter(whole.runner.net, phase)
            cache.check(size_of(_shapes(whole, _parts(whole), phase.cached_views)))
    enter(whole.runner.net, phases[0])


def _shapes(stage: Stage, parts: Cut, views: int) -> dict[str, tuple[int, ...]]:
    """Of the features of each split: views, images, and those of one image."""
    with torch.inference_mode(), stage.runner.precision():
        one = _channels_last(parts.lower(stage.normalize(next(stage.train.in_order(1)).images))).shape[1:]
    return {"train": (views, len(stage.train), *one), "validation": (1, len(stage.validation), *one)}


def _parts(stage: Stage) -> Cut:
    net = stage.runner.net
    assert isinstance(net, TransferNet)
    parts = cut(net, stage.normalize(next(stage.train.in_order(2)).images))
    if parts is None:
        raise ConfigError(
            "trainer.fine_tune.cached_views: no place was found above this backbone's frozen layers that one tensor"
            " alone passes, whose values could be kept",
            remedy="set it to null, or unfreeze whole blocks",
        )
    return parts


def _fastest(lower: nn.Module, stage: Stage, images: int, stop: Stop) -> Callable[[Tensor], Tensor]:
    """What passes so many normalized images in the least time, by a rule that leaves nothing to chance."""
    runner = stage.runner
    if runner.device.type == "cpu" and runner.execution.precision == "float32":
        sample = stage.normalize(next(stage.train.in_order(BATCH)).images)
        if found := onnx_pass(lower, sample, images, threads=torch.get_num_threads(), stop=stop):
            return found

    def eagerly(batch: Tensor) -> Tensor:
        with runner.precision():
            return lower(batch)

    return eagerly


def _channels_last(features: Tensor) -> Tensor:
    """Maps as the CPU computes with them, so that a batch needs no change of order."""
    return features.permute(0, 2, 3, 1) if features.ndim == 4 else features


def _channels_first(features: Tensor) -> Tensor:
    return features.permute(0, 3, 1, 2) if features.ndim == 4 else features

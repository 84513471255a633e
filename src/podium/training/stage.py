"""What the steps of a phase are given: images and the whole network, or kept features and the head alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from podium.config import AugmentConfig, TrainerConfig
from podium.digest import digest_json
from podium.models.transfer import TransferNet
from podium.training.augment import Samples, augment_batch
from podium.training.execution import Execution, Runner
from podium.training.feature_cache import FeatureCache
from podium.training.feed import Batch, Feed, divide
from podium.training.job import Job
from podium.training.phases import Phase
from podium.training.stopping import Request, Stop

log = logging.getLogger(__name__)

BATCH: Final = 128
"""Images that a backbone is shown at once."""
_TELL: Final = 10.0
"""Seconds between two lines of the log."""

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
        values: float32 V×N×…: of each view of each image; a mapped file, of which nothing but batches is copied.
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
            yield Batch(index, features, self.labels.index_select(0, index))


def stage_of(phase: Phase, whole: Stage, job: Job, key: str, stop: Request) -> Stage:
    """What a phase works with: images, or features where the backbone is frozen and the recipe asks for them.

    Args:
        phase: The backbone is as it asks for.
        whole: With images and the whole network.
        job: The training.
        key: See ``podium.training.identity.backbone_key``.
        stop: Asked while features are computed.

    Raises:
        TrainingStopped: As ``stop`` said.
        TrainingFailed: Features take more room than there is.
    """
    views = whole.trainer.cached_views
    if phase.name != "head" or views is None:
        return whole
    # Several processes all have to come through here: they agree on a stop before their next step.
    asked: Stop = stop if job.ranks.count == 1 else lambda: False
    cache = FeatureCache(job.features or job.work / "features")
    start = time.perf_counter()
    try:
        stage = with_features(whole, cache, views=views, seed=job.candidate.seed, key=key, stop=asked)
    except Asked:
        raise stop.error(job.candidate.name, "while features were computed") from None
    return replace(stage, seconds=time.perf_counter() - start)


def with_features(stage: Stage, cache: FeatureCache, *, views: int, seed: int, key: object, stop: Stop) -> Stage:
    """The stage of a phase in which a backbone is frozen, with its features in place of images.

    Args:
        stage: With images, and a ``TransferNet``.
        cache: Where features are kept.
        views: Of each training image: the image as it is, and augmented ones.
        seed: Of the augmentation.
        key: What else features follow from: weights, data, contract, code.
        stop: Asked while features are computed.

    Raises:
        Asked: As ``stop`` said.
        TrainingFailed: Features take more room than there is.
    """
    net = stage.runner.net
    assert isinstance(net, TransferNet)
    augment = stage.trainer.augment
    drawn = [seed, augment.model_dump(mode="json")] if views > 1 else None
    name = digest_json([key, views, drawn, stage.runner.execution.precision])[:32]
    with torch.inference_mode():
        one = _features(stage, next(stage.train.in_order(1)).images).shape[1:]
    feeds = {"train": (stage.train, views), "validation": (stage.validation, 1)}
    shapes = {split: (count, len(feed), *one) for split, (feed, count) in feeds.items()}

    def write(split: str, array: NDArray[np.float32]) -> None:
        feed, count = feeds[split]
        for view in range(count):
            _fill(array[view], stage, feed, augment if view else AugmentConfig(), view, seed, stop)

    arrays = cache.get(name, shapes, write, stop)
    if arrays is None:
        raise Asked
    return replace(
        stage,
        runner=Runner(net.head, Execution(precision=stage.runner.execution.precision), stage.runner.device, 0),
        train=FeatureFeed(arrays["train"], stage.train.labels),
        validation=FeatureFeed(arrays["validation"], stage.validation.labels),
        normalize=lambda features: features,
        trainer=stage.trainer.model_copy(update={"augment": AugmentConfig()}),
    )


class Asked(Exception):
    """The computation of features was asked to stop."""


def _fill(
    array: NDArray[np.float32], stage: Stage, feed: Feed, augment: AugmentConfig, view: int, seed: int, stop: Stop
) -> None:
    """Compute one view of a split into ``array`` (N×…)."""
    net = stage.runner.net.eval()
    generator = torch.Generator(feed.device).manual_seed(seed * 1_000_003 + view)
    start = told = time.monotonic()
    done = 0
    with torch.inference_mode():
        for places, images, _ in feed.in_order(BATCH):
            if stop():
                raise Asked
            changed = augment_batch(images, augment, generator, Samples(places, view, seed))
            array[done : done + len(images)] = _features(stage, changed).float().cpu().numpy()
            done += len(images)
            now = time.monotonic()
            if now - told > _TELL:
                told = now
                rate = done / (now - start)
                log.info("features, view %d: %d of %d images, %.0f a second", view, done, len(feed), rate)
    net.train()


def _features(stage: Stage, images: Tensor) -> Tensor:
    net = stage.runner.net
    assert isinstance(net, TransferNet)
    with stage.runner.precision():
        return net.features(stage.normalize(images))

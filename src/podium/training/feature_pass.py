"""The pass of images through what is frozen of a network, batch by batch; it goes on where it was stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from podium.config import AugmentConfig
from podium.training.augment import Samples, augment_batch
from podium.training.feature_cache import Tell
from podium.training.feed import Feed
from podium.training.stopping import Stop

log = logging.getLogger(__name__)

BATCH: Final = 128
"""Images that a network is shown at once."""
_TELL: Final = 10.0
"""Seconds between two lines of the log, after which a killed pass goes on."""
_PRIME: Final = 1_000_003


class Asked(Exception):
    """The pass was asked to stop."""


@dataclass(frozen=True)
class Pass:
    """What all splits and views have in common."""

    features: Callable[[Tensor], Tensor]
    """uint8 N×H×W×3 → N×…, as they are kept."""
    augment: AugmentConfig
    seed: int
    stop: Stop

    def fill(self, array: NDArray[np.float32], feed: Feed, done: int, tell: Tell) -> None:
        """Compute all views of a split: the images as they are, then augmented ones.

        Args:
            array: float32 V×N×….
            feed: Of the split.
            done: Images of all views, one view after the other, that are there already.
            tell: Told how many are.

        Raises:
            Asked: As ``stop`` said.
        """
        count = len(feed)
        start = told = time.monotonic()
        before = done
        with torch.inference_mode():
            while done < len(array) * count:
                view, first = divmod(done, count)
                for places, images, _ in feed.in_order(BATCH, slice(first, None)):
                    now = time.monotonic()
                    asked = self.stop()
                    if asked or now - told > _TELL:
                        tell(done)
                        told = now
                        rate = (done - before) / (now - start)
                        log.info("features: %d of %d images, %.0f a second", done, len(array) * count, rate)
                    if asked:
                        raise Asked
                    features = self.features(self._view(images, places, view))
                    place = done - view * count
                    array[view, place : place + len(images)] = features.float().cpu().numpy()
                    done += len(images)
        tell(done)

    def _view(self, images: Tensor, places: Tensor, view: int) -> Tensor:
        if not view:
            return images
        drawn = ((self.seed * _PRIME + view) * _PRIME + int(places[0])) % 2**63  # each batch its own: a pass goes on
        generator = torch.Generator(images.device).manual_seed(drawn)
        return augment_batch(images, self.augment, generator, Samples(places, view, self.seed))

"""Images that differ from all others: in brightness, contrast or colour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from podium.validation.context import Context, Measured
from podium.validation.frame import Frame

OUTLIERS = {
    "outlier": "the farthest of brightness, contrast and colour from the median of train, in robust deviations",
    "outlier_of": "which of them",
}
_NAMES = ("brightness", "contrast", "colour")


def outliers(context: Context) -> Iterator[Frame]:
    """A frame a split. The robust deviation is 1.4826 times the median absolute one (Hampel 1974)."""
    train = context.measured.get("train")
    if train is None:
        return
    usual = _features(train)
    median = np.median(usual, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(usual - median), axis=0), 2.0)  # two grey levels are none
    for split, found in context.measured.items():
        score = np.abs(_features(found) - median) / scale
        which = score.argmax(axis=1)
        yield Frame(split, {"outlier": score.max(axis=1)}, lazy={"outlier_of": _Name(which)})


class _Name:
    def __init__(self, which: NDArray[np.int64]) -> None:
        self._which = which

    def __call__(self, index: int) -> str:
        return _NAMES[int(self._which[index])]


def _features(found: Measured) -> NDArray[np.float64]:
    """N×3: brightness, contrast, and the difference of the strongest and the weakest channel's mean."""
    mean = found.of.channel_mean
    return np.stack([mean.mean(axis=1), found.of.std, mean.max(axis=1) - mean.min(axis=1)], axis=1)

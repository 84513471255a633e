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
    usual = []
    for values in _features(train):
        median = np.median(values)
        usual.append((median, max(1.4826 * np.median(np.abs(values - median)), 2.0)))  # two grey levels are none
    for split, found in context.measured.items():
        worst, which = np.zeros(len(found), np.float32), np.zeros(len(found), np.uint8)
        for number, (values, (median, scale)) in enumerate(zip(_features(found), usual, strict=True)):
            score = np.abs(values - median) / np.float32(scale)
            which[score > worst] = number
            np.maximum(worst, score, out=worst)
        yield Frame(split, {"outlier": worst}, lazy={"outlier_of": _Name(which)})


class _Name:
    def __init__(self, which: NDArray[np.uint8]) -> None:
        self._which = which

    def __call__(self, index: int) -> str:
        return _NAMES[int(self._which[index])]


def _features(found: Measured) -> Iterator[NDArray[np.float32]]:
    """N each: brightness, contrast, and the difference of the strongest and the weakest channel's mean."""
    mean = found.of.channel_mean
    yield mean.mean(axis=1)
    yield found.of.std
    yield mean.max(axis=1) - mean.min(axis=1)

"""The tables ``images`` (what one look at the pixels tells) and ``channels``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import Context, Measured
from podium.validation.frame import Column, Frame

PIXELS = {
    "label": "the label",
    "unnamed": "1 if no class has this label",
    "minimum": "the smallest value",
    "maximum": "the greatest value",
    "contrast": "standard deviation of all values, in grey levels",
    "constant": "1 if the image has one single colour",
    "faint": "contrast, and 255 for an image of one single colour",
    "gray": "1 if the image is grayscale in RGB",
    "color": "the colour of the first pixel",
}
CHANNELS = {
    "channel": "red, green or blue",
    "mean": "over the split, on [0, 1]",
    "std": "over the split, on [0, 1]",
}


def pixels(context: Context) -> Iterator[Frame]:
    """A frame a split."""
    for split, found in context.measured.items():
        of, labels = found.of, np.asarray(found.labels)
        columns: dict[str, Column] = {
            "label": labels,
            "unnamed": ((labels < 0) | (labels >= context.classes)).astype(np.int8),
            "minimum": of.minimum,
            "maximum": of.maximum,
            "contrast": of.std,
            "constant": of.constant.astype(np.int8),
            "faint": np.where(of.constant, np.float32(255), of.std),
            "gray": of.gray.astype(np.int8),
        }
        yield Frame(split, columns, lazy={"color": _Color(found)})


class _Color:
    def __init__(self, found: Measured) -> None:
        self._images = found.images

    def __call__(self, index: int) -> tuple[int, ...]:
        return tuple(self._images[index][0, 0].tolist())


def channels(context: Context) -> Iterator[Frame]:
    """A frame a split."""
    for split, found in context.measured.items():
        mean, std = found.of.channel_statistics()
        yield Frame(split, {"channel": ["red", "green", "blue"], "mean": mean, "std": std})

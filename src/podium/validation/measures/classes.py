"""The table ``classes``: a row a class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from podium.validation.context import Context, Measured
from podium.validation.frame import Frame

CLASSES = {
    "name": "the class's name",
    "count": "its images in the split",
    "train_count": "its images in train",
}


def classes(context: Context) -> Iterator[Frame]:
    """A frame a split; labels out of range are not counted."""
    train = context.measured.get("train")
    for split, found in context.measured.items():
        counts = _counts(found, context.classes)
        usual = counts if train is None else _counts(train, context.classes)
        yield Frame(split, {"name": list(context.manifest.class_names), "count": counts, "train_count": usual})


def _counts(found: Measured, classes: int) -> NDArray[np.int64]:
    labels = np.asarray(found.labels)
    return np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)

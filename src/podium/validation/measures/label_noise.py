"""Labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import Context
from podium.validation.frame import Frame
from podium.validation.noise import label_issues

LABEL_NOISE = {
    "mislabelled": "1 if the label is probably wrong",
    "likelier": "the class that is likelier",
}


def label_noise(context: Context) -> Iterator[Frame]:
    """A frame of train."""
    found = context.measured.get("train")
    if found is None:
        return
    labels = np.asarray(found.labels)
    issues, best = label_issues(found.images, labels, context.classes)
    names = context.manifest.class_names
    likelier = {row: names[best[row]] for row in np.flatnonzero(issues).tolist()}
    yield Frame(
        "train", {"mislabelled": issues.view(np.int8)}, lazy={"likelier": lambda row: likelier.get(row, "the same")}
    )

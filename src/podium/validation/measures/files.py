"""What is known of the original files: columns of ``images``, and the table ``files`` of shares."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from podium.results import SplitName
from podium.validation.context import Context
from podium.validation.frame import Frame

ITEMS = {
    "name": "the image's name: its path in the source, or the like",
    "width": "of the original, 0 if unknown",
    "height": "of the original, 0 if unknown",
    "enlarged": "side of the stored image over that of the original; 0 if unknown",
    "aspect": "how much longer one side of the original is than the other, against the stored image; 0 if unknown",
    "orientation": "EXIF's orientation, 0 where the file says nothing",
}
FILES = {
    "name": "what the row counts: a mode, a format or an orientation",
    "count": "images of the split",
    "train_count": "images of train",
}


def items(context: Context) -> Iterator[Frame]:
    """A frame a split; none where the original files are not known."""
    height, width = context.manifest.height, context.manifest.width
    for split in context.measured:
        of = context.originals(split)
        if of is None:
            continue
        known = (of.widths > 0) & (of.heights > 0)
        wide, high = (np.where(known, sides, 1).astype(np.float32) for sides in (of.widths, of.heights))
        ratio = (wide / high) / np.float32(width / height)
        columns = {
            "width": of.widths,
            "height": of.heights,
            "enlarged": np.where(known, np.minimum(width / wide, height / high), np.float32(0)),
            "aspect": np.where(known, np.maximum(ratio, 1 / ratio), np.float32(0)),
            "orientation": of.orientations,
        }
        yield Frame(split, columns, lazy={"name": _Names(context, split)})


class _Names:
    """All names of a split: only for expectations about them. Reports look up the few that they show."""

    def __init__(self, context: Context, split: SplitName) -> None:
        self._read = cache(lambda: context.dataset.items(split).names)

    def __call__(self, index: int) -> str:
        return self._read()[index]


def files(context: Context) -> Iterator[Frame]:
    """A frame a split: how often each mode, format and orientation is."""
    train = context.originals("train") if "train" in context.measured else None
    if train is None:
        return
    for split in context.measured:
        of = context.originals(split)
        if of is None:
            continue
        rows = sorted({*train.properties, *of.properties})
        yield Frame(
            split,
            {
                "name": [f"{kind} {value or 'unknown'}" for kind, value in rows],
                "count": [of.properties[row] for row in rows],
                "train_count": [train.properties[row] for row in rows],
            },
        )

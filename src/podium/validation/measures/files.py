"""What is known of the original files: columns of ``images``, and the table ``files`` of shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

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
        of = context.items(split)
        if of is None:
            continue
        known = (of.widths > 0) & (of.heights > 0)
        wide, high = np.where(known, of.widths, 1), np.where(known, of.heights, 1)
        ratio = (wide / high) / (width / height)
        columns = {
            "width": of.widths,
            "height": of.heights,
            "enlarged": np.where(known, np.minimum(width / wide, height / high), 0.0),
            "aspect": np.where(known, np.maximum(ratio, 1 / ratio), 0.0),
            "orientation": of.orientations,
        }
        yield Frame(split, columns, lazy={"name": of.names.__getitem__})


def files(context: Context) -> Iterator[Frame]:
    """A frame a split: how often each mode, format and orientation is."""
    train = context.items("train") if "train" in context.measured else None
    if train is None:
        return
    usual = {(kind, value): n for kind, values in _properties(train) for value, n in Counter(values).items()}
    for split in context.measured:
        of = context.items(split)
        if of is None:
            continue
        found = {(kind, value): n for kind, values in _properties(of) for value, n in Counter(values).items()}
        rows = sorted({*usual, *found})
        yield Frame(
            split,
            {
                "name": [f"{kind} {value or 'unknown'}" for kind, value in rows],
                "count": [found.get(row, 0) for row in rows],
                "train_count": [usual.get(row, 0) for row in rows],
            },
        )


def _properties(of: object) -> list[tuple[str, list[str]]]:
    return [
        ("mode", list(of.modes)),  # type: ignore[attr-defined]
        ("format", list(of.formats)),  # type: ignore[attr-defined]
        ("orientation", list(map(str, of.orientations.tolist()))),  # type: ignore[attr-defined]
    ]

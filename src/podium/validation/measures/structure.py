"""The table ``split``: one row on a split as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import SPLIT_NAMES, Context
from podium.validation.frame import Frame

STRUCTURE = {
    "count": "images",
    "shape": "height×width×channels of an image",
    "recorded_shape": "the same, as dataset.json records it",
    "images_dtype": "type of the images",
    "labels_dtype": "type of the labels",
    "missing_labels": "images less labels",
    "low": "the smallest value of all pixels",
    "high": "the greatest value of all pixels",
    "span": "grey levels from low to high",
    "gray_share": "fraction of images that are grayscale in RGB",
    "gray_shift": "difference to the fraction in train",
    "mean_shift": "the farthest of a channel's mean, on [0, 1], from that in train",
    "excluded": "images of the source that could not be read or were left out; counted with train",
    "excluded_share": "the same, as a fraction of the source",
}


def structure(context: Context) -> Iterator[Frame]:
    """A frame a split, also of one that is missing; without figures of pixels where none can be read."""
    manifest = context.manifest
    excluded = int(getattr(manifest, "excluded", 0))
    total = sum(info.count for info in manifest.splits.values()) + excluded
    train = context.measured.get("train")
    for split in SPLIT_NAMES:
        found = context.splits.get(split)
        images = np.empty(0) if found is None else found.images
        labels = np.empty(0) if found is None else found.labels
        row: dict[str, object] = {
            "count": len(images),
            "shape": "×".join(map(str, images.shape[1:])),
            "recorded_shape": f"{manifest.height}×{manifest.width}×3",
            "images_dtype": str(images.dtype),
            "labels_dtype": str(labels.dtype),
            "missing_labels": len(images) - len(labels),
            "excluded": excluded if split == "train" else 0,
            "excluded_share": excluded / max(1, total) if split == "train" else 0.0,
        }
        if split in context.measured:
            of = context.measured[split].of
            low, high = int(of.minimum.min()), int(of.maximum.max())
            row |= {"low": low, "high": high, "span": high - low, "gray_share": float(of.gray.mean())}
            if train is not None:
                shift = np.abs(of.channel_statistics()[0] - train.of.channel_statistics()[0])
                gray = abs(float(of.gray.mean()) - float(train.of.gray.mean()))
                row |= {"gray_shift": gray, "mean_shift": float(shift.max())}
        yield Frame(split, {name: [value] for name, value in row.items()})

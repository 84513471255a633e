"""Shape, dtype and channels: what every later part takes for granted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import SPLIT_NAMES, Context
from podium.validation.rule import Rule, Table


def structure(context: Context) -> Iterator[Rule]:
    """All three splits hold images of the recorded size, type and number, each with a label."""
    manifest = context.manifest
    for split in SPLIT_NAMES:
        found = context.splits.get(split)
        images = np.empty(0) if found is None else found.images
        labels = np.empty(0) if found is None else found.labels
        table = Table(
            "split",
            {
                "count": np.array([len(images)]),
                "shape": np.array(["×".join(map(str, images.shape[1:]))]),
                "images_dtype": np.array([str(images.dtype)]),
                "labels_dtype": np.array([str(labels.dtype)]),
                "missing_labels": np.array([len(images) - len(labels)]),
            },
        )
        yield Rule(
            split,
            table,
            "ExpectColumnMinToBeBetween",
            {"column": "count", "min_value": 1},
            "critical",
            "at least 1",
            "images: {observed}",
            "import a source that has images for every split",
        )
        if not len(images):
            continue
        shape = f"{manifest.height}×{manifest.width}×3"
        for column, value, expected in (
            ("shape", shape, f"images of shape {shape}"),
            ("images_dtype", "uint8", "images of type uint8"),
            ("labels_dtype", "int64", "labels of type int64"),
            ("missing_labels", 0, "a label for every image"),
        ):
            observed = table.columns[column][0]
            yield Rule(
                split,
                table,
                "ExpectColumnValuesToBeInSet",
                {"column": column, "value_set": [value]},
                "critical",
                expected,
                f"{column.replace('_', ' ')}: {observed}",
                "import the data set again with `podium data import`",
            )


def color(context: Context) -> Iterator[Rule]:
    """Images have three channels, and grayscale images are as frequent in every split as in train."""
    train = context.measured.get("train")
    for split, found in context.measured.items():
        table = Table("images", {"gray": found.of.gray.astype(float)})
        share = float(found.of.gray.mean())
        usual = share if train is None else float(train.of.gray.mean())
        bound = context.config.max_grayscale_shift
        yield Rule(
            split,
            table,
            "ExpectColumnMeanToBeBetween",
            {"column": "gray", "min_value": usual - bound, "max_value": usual + bound},
            "warning",
            f"{usual:.1%} as in train, ± {bound:.0%}",
            f"{share:.1%} of the images are grayscale in RGB",
            "draw the splits from one source, or convert all images alike",
        )

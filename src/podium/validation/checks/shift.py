"""Validation and test come from where train comes from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import Context
from podium.validation.rule import Rule, Table


def split_shift(context: Context) -> Iterator[Rule]:
    """The channel means of validation and test are near those of train."""
    train = context.measured.get("train")
    if train is None:
        return
    usual, _ = train.of.channel_statistics()
    for split, found in context.measured.items():
        if split == "train":
            continue
        mean, _ = found.of.channel_statistics()
        yield Rule(
            split,
            Table("channels", {"distance": np.abs(mean - usual)}),
            "ExpectColumnMaxToBeBetween",
            {"column": "distance", "max_value": context.config.max_mean_shift},
            "warning",
            f"at most {context.config.max_mean_shift:g} on [0, 1]",
            "channel means are up to {observed} away from those of train",
            "draw the splits from one source, or expect test figures to differ",
        )

"""Images that show nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from podium.validation.context import Context, Measured
from podium.validation.rule import Rule, Table


def empty_images(context: Context) -> Iterator[Rule]:
    """No image has one single colour, and few have hardly any contrast."""
    config = context.config
    for split, found in context.measured.items():
        faint = ~found.of.constant & (found.of.std < config.min_contrast)
        table = Table("images", {"constant": found.of.constant.astype(int), "faint": faint.astype(int)})
        yield Rule(
            split,
            table,
            "ExpectColumnSumToBeBetween",
            {"column": "constant", "max_value": config.max_constant},
            "critical",
            f"at most {config.max_constant}",
            "images of one single colour: {observed}",
            "remove them, or raise validation.max_constant",
            offending=np.flatnonzero(found.of.constant),
            reason=_colour_of(found),
        )
        yield Rule(
            split,
            table,
            "ExpectColumnSumToBeBetween",
            {"column": "faint", "max_value": 0},
            "warning",
            f"0 below a deviation of {config.min_contrast:g} grey levels",
            "images with hardly any contrast: {observed}",
            "look at them",
            offending=np.flatnonzero(faint),
            reason=_contrast_of(found),
        )


def _colour_of(found: Measured) -> Callable[[int], str]:
    return lambda index: f"one colour: {tuple(found.images[index][0, 0].tolist())}"


def _contrast_of(found: Measured) -> Callable[[int], str]:
    return lambda index: f"deviation {found.of.std[index]:.2f} grey levels"

"""Pixel values before normalization use the range of a byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from podium.validation.context import Context, Measured
from podium.validation.rule import Rule, Table


def value_range(context: Context) -> Iterator[Rule]:
    """Values lie in 0…255, are not numbers scaled to [0, 1] and cut to bytes, and use the range."""
    least = context.config.min_value_span
    for split, found in context.measured.items():
        low, high = int(found.of.minimum.min()), int(found.of.maximum.max())
        table = Table("split", {"low": np.array([low]), "high": np.array([high]), "span": np.array([high - low])})
        every = np.arange(len(found))
        yield Rule(
            split,
            table,
            "ExpectColumnMinToBeBetween",
            {"column": "low", "min_value": 0, "max_value": 255},
            "critical",
            "0 or more",
            "smallest value {observed}",
        )
        yield Rule(
            split,
            table,
            "ExpectColumnMaxToBeBetween",
            {"column": "high", "min_value": 2, "max_value": 255},
            "critical",
            "from 2 to 255",
            "largest value {observed}",
            "the images were scaled to [0, 1] before they were stored as bytes: store 0…255",
            offending=every if high < 2 else every[:0],
            reason=_largest_of(found),
        )
        yield Rule(
            split,
            table,
            "ExpectColumnMaxToBeBetween",
            {"column": "span", "min_value": least},
            "warning",
            f"at least {least} grey levels",
            f"values span {{observed}} grey levels, from {low} to {high}",
            "check how the images were scaled",
        )


def _largest_of(found: Measured) -> Callable[[int], str]:
    return lambda index: f"values up to {found.of.maximum[index]}"

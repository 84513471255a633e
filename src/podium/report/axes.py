"""Axes of the report's charts: positions in percent of the length, so that charts need no fixed size."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis, in percent of its length."""

    at: float
    label: str


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values in about ``wanted`` equal steps that cover ``[low, high]``: the first ≤ low, the last ≥ high."""
    span = max(high - low, 0.01)
    step = 10.0 ** math.floor(math.log10(span / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= wanted * (1 + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Two to five or so round values within ``[low, high]`` for a logarithmic axis; both ends positive."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
        values = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(values) >= 2:
            return values[:: math.ceil(len(values) / 5)]
    return [low, high]


def share(value: float, low: float, high: float) -> float:
    """Position of a value on an axis, in percent, held within it."""
    return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)

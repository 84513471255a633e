"""Distributions of both sides as outlines of histograms, in percent of the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.report.axes import share
from podium.report.text import significant

_BINS: Final = 30
_TAIL: Final = 0.5
"""Percent of the values at each end that are drawn at the edge: a few outliers must not press the rest together."""


@dataclass(frozen=True)
class Histogram:
    """One quantity; the outlines are points of SVG polylines, y downwards."""

    reference: str
    current: str
    low: str
    high: str
    """Labels of the ends of the axis."""
    description: str


@dataclass(frozen=True)
class ClassBar:
    """Shares of one class; ``reference`` and ``current`` in [0, 1] of the largest share of the table."""

    name: str
    reference: float
    current: float
    shares: tuple[float, float]
    counts: tuple[int, int]


def histogram(name: str, reference: NDArray[np.floating], current: NDArray[np.floating]) -> Histogram:
    """Draw two samples over common bins, each as shares of its own size."""
    both = np.concatenate([reference, current])
    low, high = (float(v) for v in np.percentile(both, [_TAIL, 100 - _TAIL]))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    heights = [
        np.histogram(np.clip(values, low, high), edges)[0] / max(1, len(values)) for values in (reference, current)
    ]
    top = max(float(h.max()) for h in heights) or 1.0
    medians = [significant(float(np.median(values))) for values in (reference, current)]
    return Histogram(
        _outline(heights[0], top),
        _outline(heights[1], top),
        low=significant(low),
        high=significant(high),
        description=f"Distribution of {name}: median {medians[0]} in the reference, {medians[1]} in the current images",
    )


def _outline(heights: NDArray[np.floating], top: float) -> str:
    """Steps from the lower left to the lower right corner."""
    points = ["0,100"]
    for i, height in enumerate(heights):
        y = 100 - share(float(height), 0, top)
        points += [f"{100 * i / len(heights):.2f},{y:.2f}", f"{100 * (i + 1) / len(heights):.2f},{y:.2f}"]
    return " ".join([*points, "100,100"])


def class_bars(names: tuple[str, ...], counts: NDArray[np.int64], limit: int) -> tuple[ClassBar, ...]:
    """The classes, or the ``limit`` ones whose shares changed most, in the order of the table.

    Args:
        names: Of the C classes.
        counts: int64 2×C: reference, current.
        limit: Most bars.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    chosen = np.sort(np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:limit])
    top = float(shares[:, chosen].max()) or 1.0
    return tuple(
        ClassBar(
            names[i],
            float(shares[0, i] / top),
            float(shares[1, i] / top),
            (float(shares[0, i]), float(shares[1, i])),
            (int(counts[0, i]), int(counts[1, i])),
        )
        for i in chosen
    )

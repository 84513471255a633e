"""Learning rate over a phase, as a pure function of the step."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "cosine", "one_cycle"]

WARM_UP = 0.25
"""Fraction of a one-cycle phase in which the rate rises."""


def learning_rate(schedule: Schedule, peak: float, step: int, steps: int) -> float:
    """The rate of ``step`` (from 0) out of ``steps``.

    ``constant`` stays at ``peak``; ``cosine`` falls from ``peak`` to 0; ``one_cycle`` rises in a straight line to
    ``peak`` and falls in a straight line to 0. The last step of a falling rate is small, never 0.
    """
    if schedule == "constant":
        return peak
    if schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (steps - step) / (steps - warm + 1)

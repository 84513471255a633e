"""Learning rate over a phase, as a pure function of the step."""

from __future__ import annotations

import math

from podium.config import TrainerConfig

ONE_CYCLE_WARM_UP = 0.25
"""Fraction of a one-cycle phase in which the rate rises."""


def learning_rate(trainer: TrainerConfig, peak: float, step: int, steps: int) -> float:
    """The rate of ``step`` (from 0) out of ``steps``.

    ``constant`` stays at ``peak``; ``cosine`` falls from ``peak`` to 0; ``triangular`` rises in a straight line to
    ``peak`` for ``trainer.warm_up`` of the steps and falls in a straight line to ``trainer.final_rate`` of it;
    ``one_cycle`` is the triangle with a warm-up of a quarter that ends at 0. The rate that a phase would end with is
    that of the step after its last one, so that no step is at rate 0.
    """
    match trainer.schedule:
        case "constant":
            return peak
        case "cosine":
            return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
        case "one_cycle":
            return _triangle(peak, 0.0, step, steps, max(1, round(ONE_CYCLE_WARM_UP * steps)))
        case "triangular":
            return _triangle(peak, trainer.final_rate, step, steps, round(trainer.warm_up * steps))


def _triangle(peak: float, final: float, step: int, steps: int, warm: int) -> float:
    """At ``peak`` in the last of ``warm`` rising steps (in the first step where there are none)."""
    if step < warm:
        return peak * (step + 1) / warm
    falling = steps - warm + 1 if warm else steps
    return peak * final + peak * (1 - final) * (steps - step) / falling

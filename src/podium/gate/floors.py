"""Absolute criteria: what a challenger has to reach whatever the champion does."""

from __future__ import annotations

from podium.config import Frozen
from podium.config.promotion import Floors, PromotionPolicy
from podium.gate.verdict import Criterion, Standing


class Measured(Frozen):
    """Figures of the challenger on the test split; null where they were not measured."""

    accuracy: float
    most_frequent: float
    """Accuracy of always naming the most frequent class."""
    recalls: dict[str, float]
    """By class, of the classes that have test images."""
    ece: float | None = None
    latency: float | None = None
    """95th percentile for one image on the CPU, in milliseconds."""
    size: float | None = None
    """Of the model file, in MB."""


def floors(measured: Measured, policy: PromotionPolicy) -> list[Criterion]:
    """The criteria of ``policy.floors``, in their order; those that are not asked for are left out."""
    asked: Floors = policy.floors
    found: list[Criterion] = []

    def add(name: str, value: float | None, bound: float, *, least: bool, what: str, unit: str = "") -> None:
        standing: Standing = "unknown"
        if value is not None:
            standing = "met" if (value >= bound if least else value <= bound) else "missed"
        told = "was not measured" if value is None else f"is {value:.4g}{unit}"
        reason = f"{what} {told}; {'at least' if least else 'at most'} {bound:.4g}{unit} is asked for"
        severity = policy.severity_of(name)
        found.append(
            Criterion(name=name, standing=standing, severity=severity, reason=reason, value=value, bound=bound)
        )

    if asked.accuracy is not None:
        add("accuracy", measured.accuracy, asked.accuracy, least=True, what="test accuracy")
    if asked.chance is not None:
        # Above one half a multiple would ask for more than there is: then the errors have to be that much fewer.
        chance, factor = measured.most_frequent, asked.chance
        bound = min(factor * chance, 1 - (1 - chance) / factor)
        what = f"test accuracy (naming the most frequent class gives {chance:.4g})"
        add("chance", measured.accuracy, bound, least=True, what=what)
    if asked.worst_recall is not None:
        worst = min(measured.recalls, key=lambda name: measured.recalls[name], default=None)
        value = None if worst is None else measured.recalls[worst]
        add("worst_recall", value, asked.worst_recall, least=True, what=f"recall of the worst class, {worst!r},")
    if asked.ece is not None:
        add("ece", measured.ece, asked.ece, least=False, what="expected calibration error")
    if asked.latency is not None:
        what = "the 95th percentile of the time for one image"
        add("latency", measured.latency, asked.latency, least=False, what=what, unit=" ms")
    if asked.size is not None:
        add("size", measured.size, asked.size, least=False, what="the model file", unit=" MB")
    return found

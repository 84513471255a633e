"""Training curves of all candidates as small multiples on shared axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from podium.report.axes import Tick, decades, share, ticks
from podium.results import EpochRecord, TrainingSummary

_LOSS_FLOOR = 1e-4
"""Losses below are drawn here, since the axis is logarithmic."""


@dataclass(frozen=True)
class Panel:
    """One quantity over the epochs; positions in percent, y downwards."""

    label: str
    description: str
    ticks: tuple[Tick, ...]
    train: str
    """Points of a polyline."""
    validation: str
    best: tuple[float, float]


@dataclass(frozen=True)
class Curves:
    """One candidate."""

    summary: TrainingSummary
    panels: tuple[Panel, ...]
    boundary: float | None
    """Where fine-tuning begins."""
    epochs: int
    """The last epoch on the axis that all candidates share."""


@dataclass(frozen=True)
class _Quantity:
    label: str
    name: str
    train: Callable[[EpochRecord], float]
    validation: Callable[[EpochRecord], float]
    y: Callable[[float], float]
    ticks: tuple[Tick, ...]


def curves(summaries: Iterable[TrainingSummary]) -> tuple[Curves, ...]:
    """Lay out all histories on shared axes: epochs, accuracy (linear) and loss (logarithmic)."""
    shown = [summary for summary in summaries if summary.history]
    if not shown:
        return ()
    records = [record for summary in shown for record in summary.history]
    epochs = max(record.epoch for record in records)
    quantities = (_accuracy(records), _loss(records))

    def x(epoch: int) -> float:
        return share(epoch, 1, epochs) if epochs > 1 else 50.0

    return tuple(
        Curves(
            summary=summary,
            panels=tuple(_panel(quantity, summary, x) for quantity in quantities),
            boundary=_boundary(summary.history, x),
            epochs=epochs,
        )
        for summary in shown
    )


def _accuracy(records: Sequence[EpochRecord]) -> _Quantity:
    values = [value for r in records for value in (r.train_accuracy, r.validation_accuracy)]
    scale = ticks(min(values), max(values), 4)
    low, high = scale[0], scale[-1]

    def y(value: float) -> float:
        return 100 - share(value, low, high)

    return _Quantity(
        label="accuracy, %",
        name="accuracy",
        train=lambda record: record.train_accuracy,
        validation=lambda record: record.validation_accuracy,
        y=y,
        ticks=tuple(Tick(y(value), f"{100 * value:g}") for value in scale),
    )


def _loss(records: Sequence[EpochRecord]) -> _Quantity:
    values = [max(value, _LOSS_FLOOR) for r in records for value in (r.train_loss, r.validation_loss)]
    low, high = min(values) / 1.1, max(values) * 1.1

    def y(value: float) -> float:
        return 100 - share(math.log(max(value, _LOSS_FLOOR)), math.log(low), math.log(high))

    return _Quantity(
        label="loss, nats (log scale)",
        name="loss",
        train=lambda record: record.train_loss,
        validation=lambda record: record.validation_loss,
        y=y,
        ticks=tuple(Tick(y(value), f"{value:.3g}") for value in decades(low, high)),
    )


def _panel(quantity: _Quantity, summary: TrainingSummary, x: Callable[[int], float]) -> Panel:
    history = summary.history
    best = next((record for record in history if record.epoch == summary.best_epoch), history[-1])
    ends = " to ".join(f"{quantity.validation(record):.3g}" for record in (history[0], best))
    return Panel(
        label=quantity.label,
        description=(
            f"Validation {quantity.name} of {summary.candidate}: from {ends} at its best epoch,"
            f" {best.epoch} of {history[-1].epoch}"
        ),
        ticks=quantity.ticks,
        train=_points((x(r.epoch), quantity.y(quantity.train(r))) for r in history),
        validation=_points((x(r.epoch), quantity.y(quantity.validation(r))) for r in history),
        best=(x(best.epoch), round(quantity.y(quantity.validation(best)), 2)),
    )


def _boundary(history: Sequence[EpochRecord], x: Callable[[int], float]) -> float | None:
    for before, after in itertools.pairwise(history):
        if before.phase == "head" and after.phase == "fine_tune":
            return round((x(before.epoch) + x(after.epoch)) / 2, 2)
    return None


def _points(pairs: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in pairs)

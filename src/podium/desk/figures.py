"""The figures of a review beside the champion's, as texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from podium.desk.comparison import Comparison
from podium.registry.state import Review
from podium.report.text import THIN, count, duration, percent, significant


@dataclass(frozen=True)
class Figure:
    """One row of the comparison; texts are ready to be shown, ``–`` stands for what was not measured."""

    name: str
    challenger: str
    champion: str
    difference: str = ""
    """With its sign."""
    verdict: str = ""
    """``better``, ``worse``, or nothing where that cannot be said."""


@dataclass(frozen=True)
class _Measure:
    name: str
    field: str
    kind: Literal["share", "nats", "count", "seconds", "milliseconds"]
    better: Literal["more", "less", ""] = ""


_MEASURES: Final = (
    _Measure("test accuracy", "test_accuracy", "share", "more"),
    _Measure("validation accuracy", "validation_accuracy", "share", "more"),
    _Measure("macro F1, test", "test_f1", "share", "more"),
    _Measure("macro precision, test", "test_precision", "share", "more"),
    _Measure("macro recall, test", "test_recall", "share", "more"),
    _Measure("loss, test", "test_loss", "nats", "less"),
    _Measure("loss, validation", "validation_loss", "nats", "less"),
    _Measure("time for an image", "milliseconds_per_image", "milliseconds", "less"),
    _Measure("parameters", "parameters", "count"),
    _Measure("epochs", "epochs", "count"),
    _Measure("time to train", "train_seconds", "seconds"),
)


def figures_of(review: Review, champion: Review | None, comparison: Comparison) -> tuple[Figure, ...]:
    """One row for each measure; the first is the one that matters most. Nothing is subtracted that cannot be compared:
    the gate's difference is the test accuracy's, where there is one.
    """
    return tuple(_figure(measure, review, champion, comparison) for measure in _MEASURES)


def _figure(measure: _Measure, review: Review, champion: Review | None, comparison: Comparison) -> Figure:
    mine = getattr(review.request.version.figures, measure.field)
    other = getattr(champion.request.version.figures, measure.field) if champion else None
    apart = bool(comparison.apart)
    if comparison.difference is not None and measure.field == "test_accuracy":
        mine, other, apart = comparison.difference.challenger, comparison.difference.champion, False
    difference = verdict = ""
    if mine is not None and other is not None and measure.better and not apart:
        change = mine - other
        difference = _difference(change, measure)
        if change:
            verdict = "better" if (change > 0) == (measure.better == "more") else "worse"
    return Figure(measure.name, _text(mine, measure), _text(other, measure), difference, verdict)


def _text(value: float | None, measure: _Measure) -> str:
    if value is None:
        return "–"
    if measure.kind == "share":
        return f"{percent(value)}{THIN}%"
    if measure.kind == "count":
        return count(int(value))
    if measure.kind == "seconds":
        return duration(value)
    return f"{significant(value)}{THIN}ms" if measure.kind == "milliseconds" else f"{value:.4f}"


def _difference(change: float, measure: _Measure) -> str:
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    if measure.kind == "share":
        return f"{sign}{100 * abs(change):.1f}"
    if measure.kind == "milliseconds":
        return f"{sign}{significant(abs(change))}{THIN}ms"
    return f"{sign}{abs(change):.4f}"

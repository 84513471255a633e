"""The chart of test against validation accuracy: one row a candidate, dots with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podium.report.axes import Tick, share, ticks
from podium.report.text import interval, listing, percent
from podium.results import Metrics


@dataclass(frozen=True)
class Mark:
    """An accuracy with its interval; positions in percent of the axis."""

    at: float
    low: float
    high: float
    label: str
    text: str


@dataclass(frozen=True)
class Row:
    """One candidate."""

    name: str
    selected: bool
    test: Mark | None
    validation: Mark | None


@dataclass(frozen=True)
class Comparison:
    """All candidates on one axis, with a sentence on what the intervals say."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    sentence: str


def comparison(
    order: Sequence[str], selected: str | None, validation: Mapping[str, Metrics], test: Mapping[str, Metrics]
) -> Comparison | None:
    """Lay out every candidate that has figures, in the given order; None if none has."""
    figures = [metrics for group in (validation, test) for metrics in group.values()]
    if not figures:
        return None
    values = ticks(min(m.accuracy_low for m in figures), max(m.accuracy_high for m in figures))
    low, high = values[0], values[-1]

    def mark(metrics: Metrics | None) -> Mark | None:
        if metrics is None:
            return None
        return Mark(
            at=share(metrics.accuracy, low, high),
            low=share(metrics.accuracy_low, low, high),
            high=share(metrics.accuracy_high, low, high),
            label=percent(metrics.accuracy),
            text=f"{percent(metrics.accuracy)} % {interval(metrics.accuracy_low, metrics.accuracy_high)}",
        )

    return Comparison(
        rows=tuple(
            Row(name, name == selected, mark(test.get(name)), mark(validation.get(name)))
            for name in order
            if name in validation or name in test
        ),
        ticks=tuple(Tick(share(value, low, high), f"{100 * value:g}") for value in values),
        sentence=_sentence(selected, order, test),
    )


def _sentence(selected: str | None, order: Sequence[str], test: Mapping[str, Metrics]) -> str:
    if selected is None or selected not in test or len(test) < 2:
        return ""
    winner = test[selected]
    rivals = [name for name in order if name in test and name != selected]
    near = [
        name
        for name in rivals
        if test[name].accuracy_high >= winner.accuracy_low and test[name].accuracy_low <= winner.accuracy_high
    ]
    if not near:
        return f"No other candidate's test interval reaches that of {selected}."
    verb = "s" if len(near) == 1 else ""
    return (
        f"The test interval{'' if verb else 's'} of {listing(near)} overlap{verb} that of {selected}:"
        f" {winner.count:,} test images do not separate them clearly."
    )

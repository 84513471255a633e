"""Accuracy on slices, laid out for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from podium.report.axes import Tick, share, ticks
from podium.report.text import percent

if TYPE_CHECKING:
    from podium.evaluation.records import Slice

CLASSES: Final = 12
"""Slices by class that are drawn: the weakest."""


@dataclass(frozen=True)
class Mark:
    """One model on one slice; positions in percent of the common axis."""

    at: float
    low: float
    high: float
    label: str
    weak: bool


@dataclass(frozen=True)
class SliceRow:
    """One slice."""

    name: str
    detail: str
    count: int
    mark: Mark
    rival: Mark | None = None


@dataclass(frozen=True)
class SliceChart:
    """Slices of each kind, on one axis."""

    groups: tuple[tuple[str, tuple[SliceRow, ...]], ...]
    ticks: tuple[Tick, ...]
    weak: tuple[str, ...]
    rival_weak: tuple[str, ...]
    hidden: int
    """Classes that are not drawn."""
    two: bool
    """Whether there is a rival."""


def slice_chart(found: Sequence[Slice], rival: Sequence[Slice] = ()) -> SliceChart:
    """Lay out the slices: thirds of brightness and contrast, and the weakest classes.

    Args:
        found: Of one model.
        rival: Of another one on the same images, to be drawn beside it.
    """
    classes = sorted((one for one in found if one.kind == "class"), key=lambda one: (one.accuracy, one.name))
    shown = [*(one for one in found if one.kind != "class"), *classes[:CLASSES]]
    others = {(one.kind, one.name): one for one in rival}
    drawn = [*shown, *(others[one.kind, one.name] for one in shown if rival)]
    values = ticks(min(one.accuracy_low for one in drawn), max(one.accuracy_high for one in drawn))
    low, high = values[0], values[-1]

    def mark(one: Slice) -> Mark:
        at, least, most = (share(v, low, high) for v in (one.accuracy, one.accuracy_low, one.accuracy_high))
        return Mark(at, least, most, percent(one.accuracy), one.weak)

    def row(one: Slice) -> SliceRow:
        bounds = f"{one.low:.2f} to {one.high:.2f}" if one.low is not None and one.high is not None else ""
        name = one.name if one.kind == "class" else _NAMES[one.kind, one.name]
        return SliceRow(name, bounds, one.count, mark(one), mark(others[one.kind, one.name]) if rival else None)

    groups = tuple(
        (title, rows)
        for kind, title in (("brightness", "Brightness"), ("contrast", "Contrast"), ("class", "Class"))
        if (rows := tuple(row(one) for one in shown if one.kind == kind))
    )
    return SliceChart(
        groups=groups,
        ticks=tuple(Tick(share(value, low, high), f"{100 * value:g}") for value in values),
        weak=weak_slices(found),
        rival_weak=weak_slices(rival),
        hidden=max(0, len(classes) - CLASSES),
        two=bool(rival),
    )


def weak_slices(found: Sequence[Slice]) -> tuple[str, ...]:
    """Names of those that are significantly weaker than the rest: ``dark images``, or the class."""
    return tuple(slice_name(one) for one in found if one.weak)


def slice_name(one: Slice) -> str:
    """``dark images``, or the class."""
    return one.name if one.kind == "class" else f"{_NAMES[one.kind, one.name]} images"


_NAMES: Final = {
    ("brightness", "low"): "dark",
    ("brightness", "middle"): "medium",
    ("brightness", "high"): "bright",
    ("contrast", "low"): "flat",
    ("contrast", "middle"): "medium contrast",
    ("contrast", "high"): "high contrast",
}

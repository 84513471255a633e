"""Charts and pictures of what was found out about the selected candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from podium.data import Split
from podium.report.axes import Tick, share, ticks
from podium.report.pictures import Picture, picture
from podium.report.text import percent
from podium.results import ReliabilityBin

if TYPE_CHECKING:
    from podium.evaluation.examine import Examination
    from podium.evaluation.records import Robustness, Slice

CLASSES: Final = 12
"""Slices by class that are drawn: the weakest."""
_TINT: Final = 0.5


@dataclass(frozen=True)
class Bar:
    """One bin of the reliability diagram; positions in percent, y downwards."""

    left: float
    width: float
    top: float
    """Of the accuracy's bar."""
    sure: float
    """Height of the mean confidence."""
    share: float
    """Of the images, relative to the fullest bin, in [0, 1]."""


def reliability_bars(diagram: Sequence[ReliabilityBin]) -> tuple[Bar, ...]:
    """Lay out the bins that hold images."""
    fullest = max((entry.count for entry in diagram), default=0)
    return tuple(
        Bar(
            left=round(100 * entry.low, 2),
            width=round(100 * (entry.high - entry.low), 2),
            top=round(100 - 100 * entry.accuracy, 2),
            sure=round(100 - 100 * entry.confidence, 2),
            share=round(entry.count / fullest, 4),
        )
        for entry in diagram
        if entry.accuracy is not None and entry.confidence is not None
    )


@dataclass(frozen=True)
class Calibrated:
    """One model's reliability diagram with its figures."""

    title: str
    """Which model."""
    diagram: tuple[ReliabilityBin, ...]
    bars: tuple[Bar, ...]
    ece: float
    brier: float


def calibrated(
    title: str, diagram: Sequence[ReliabilityBin], ece: float | None, brier: float | None
) -> tuple[Calibrated, ...]:
    """A model's diagram; none where it was not measured, as in files of before it was."""
    bars = reliability_bars(diagram)
    if not bars or ece is None or brier is None:
        return ()
    return (Calibrated(title, tuple(diagram), bars, ece, brier),)


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


@dataclass(frozen=True)
class HeatRow:
    """One corruption: an example at the highest severity, and accuracies with tints in [0, 1]."""

    name: str
    example: Picture
    cells: tuple[tuple[str, float], ...]


def heat_map(robustness: Robustness, split: Split) -> tuple[tuple[int, ...], tuple[HeatRow, ...]]:
    """The severities, and a row for each corruption; a cell is tinted by what is lost against clean images."""
    from podium.evaluation.corruptions import corrupt

    severities = tuple(sorted({one.severity for one in robustness.corruptions}))
    names = list(dict.fromkeys(one.name for one in robustness.corruptions))
    accuracies = {(one.name, one.severity): one.accuracy for one in robustness.corruptions}
    clean = robustness.clean_accuracy
    rows = []
    for name in names:
        spoilt = corrupt(np.array(split.images[:1]), name, severities[-1], seed=robustness.seed, indices=[0])[0]
        title = name.replace("_", " ")
        cells = [accuracies[name, severity] for severity in severities]
        rows.append(
            HeatRow(
                name=title,
                example=picture(spoilt, f"image 0 with {title} at severity {severities[-1]}"),
                cells=tuple((percent(value), _tint(clean, value)) for value in cells),
            )
        )
    return severities, tuple(rows)


def _tint(clean: float, value: float) -> float:
    lost = (clean - value) / clean if clean else 0.0
    return round(_TINT * min(1.0, max(0.0, lost)), 3)


@dataclass(frozen=True)
class Looked:
    """An image beside its saliency map."""

    index: int
    original: Picture
    map: Picture
    true: str
    predicted: str
    sure: str

    @property
    def correct(self) -> bool:
        """Whether it was classified correctly."""
        return self.true == self.predicted


def looked_at(examination: Examination, split: Split) -> tuple[Looked, ...]:
    """Pictures of where the network looked."""
    from podium.evaluation.saliency import overlay

    found = []
    for sample, values in zip(examination.findings.saliency, examination.saliency, strict=True):
        image = np.array(split.images[sample.index])
        told = f"image {sample.index}: {sample.true}, predicted {sample.predicted}"
        found.append(
            Looked(
                index=sample.index,
                original=picture(image, told),
                map=picture(overlay(image, values), f"where the network looked in {told}"),
                true=sample.true,
                predicted=sample.predicted,
                sure=percent(sample.probability),
            )
        )
    return tuple(found)

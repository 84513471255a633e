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
class SliceRow:
    """One slice on the common axis; positions in percent."""

    name: str
    detail: str
    weak: bool
    at: float
    low: float
    high: float
    label: str
    count: int


@dataclass(frozen=True)
class SliceChart:
    """Slices of each kind, on one axis."""

    groups: tuple[tuple[str, tuple[SliceRow, ...]], ...]
    ticks: tuple[Tick, ...]
    weak: tuple[str, ...]
    hidden: int
    """Classes that are not drawn."""


def slice_chart(found: Sequence[Slice]) -> SliceChart:
    """Lay out the slices: thirds of brightness and contrast, and the weakest classes."""
    classes = sorted((one for one in found if one.kind == "class"), key=lambda one: (one.accuracy, one.name))
    shown = [*(one for one in found if one.kind != "class"), *classes[:CLASSES]]
    values = ticks(min(one.accuracy_low for one in shown), max(one.accuracy_high for one in shown))
    low, high = values[0], values[-1]

    def row(one: Slice) -> SliceRow:
        bounds = f"{one.low:.2f} to {one.high:.2f}" if one.low is not None and one.high is not None else ""
        return SliceRow(
            name=one.name if one.kind == "class" else _NAMES[one.kind, one.name],
            detail=bounds,
            weak=one.weak,
            at=share(one.accuracy, low, high),
            low=share(one.accuracy_low, low, high),
            high=share(one.accuracy_high, low, high),
            label=percent(one.accuracy),
            count=one.count,
        )

    groups = tuple(
        (title, rows)
        for kind, title in (("brightness", "Brightness"), ("contrast", "Contrast"), ("class", "Class"))
        if (rows := tuple(row(one) for one in shown if one.kind == kind))
    )
    return SliceChart(
        groups=groups,
        ticks=tuple(Tick(share(value, low, high), f"{100 * value:g}") for value in values),
        weak=tuple(
            one.name if one.kind == "class" else f"{_NAMES[one.kind, one.name]} images" for one in found if one.weak
        ),
        hidden=max(0, len(classes) - CLASSES),
    )


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

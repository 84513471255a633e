"""Calibration, corruptions and saliency, laid out for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from podium.data import Split
from podium.report.pictures import Picture, picture
from podium.report.text import percent
from podium.results import ReliabilityBin

if TYPE_CHECKING:
    from podium.evaluation.examine import Examination
    from podium.evaluation.records import Robustness

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
class HeatRow:
    """One corruption: an example at the highest severity, and accuracies with tints in [0, 1]."""

    name: str
    example: Picture
    cells: tuple[tuple[str, float, str], ...]
    """Label, tint, and what another model reaches, if there is one."""


def heat_map(
    robustness: Robustness, split: Split, rival: Robustness | None = None
) -> tuple[tuple[int, ...], tuple[HeatRow, ...]]:
    """The severities, and a row for each corruption; a cell is tinted by what is lost against clean images."""
    from podium.evaluation.corruptions import corrupt

    severities = tuple(sorted({one.severity for one in robustness.corruptions}))
    names = list(dict.fromkeys(one.name for one in robustness.corruptions))
    accuracies = {(one.name, one.severity): one.accuracy for one in robustness.corruptions}
    others = {(one.name, one.severity): percent(one.accuracy) for one in rival.corruptions} if rival else {}
    clean = robustness.clean_accuracy
    rows = []
    for name in names:
        spoilt = corrupt(np.array(split.images[:1]), name, severities[-1], seed=robustness.seed, indices=[0])[0]
        title = name.replace("_", " ")
        cells = [
            (percent(value := accuracies[name, severity]), _tint(clean, value), others.get((name, severity), ""))
            for severity in severities
        ]
        rows.append(
            HeatRow(
                name=title,
                example=picture(spoilt, f"image 0 with {title} at severity {severities[-1]}"),
                cells=tuple(cells),
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

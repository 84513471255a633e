"""Which images to show: the current ones that are least like the reference, and typical ones of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.drift.detect import Evidence
from podium.drift.results import DriftReport
from podium.drift.side import Side
from podium.report.pictures import Picture, picture
from podium.report.text import significant

SHOWN: Final = 12


@dataclass(frozen=True)
class Shown:
    """One picture with its caption."""

    picture: Picture
    name: str
    label: str


@dataclass(frozen=True)
class Gallery:
    """Two rows of pictures, and by what they were chosen."""

    measure: str
    current: tuple[Shown, ...]
    reference: tuple[Shown, ...]
    current_scores: NDArray[np.float64]
    reference_scores: NDArray[np.float64]


def gallery(report: DriftReport, evidence: Evidence) -> Gallery:
    """Choose by the classifier's out-of-fold scores, or by the most different pixel statistic where there are none."""
    if evidence.embedding:
        measure = "the classifier's score: how much an image looks like a current one"
        reference, current = evidence.embedding.reference_scores, evidence.embedding.current_scores
    else:
        pixel = max((t for t in report.tests if t.group == "pixels"), key=lambda test: test.effect)
        before, after = evidence.reference_pixels[pixel.name], evidence.current_pixels[pixel.name]
        sign = 1.0 if np.median(after) >= np.median(before) else -1.0
        measure, reference, current = pixel.name, sign * before, sign * after
    most = np.argsort(-current, kind="stable")[:SHOWN]
    typical = np.argsort(np.abs(reference - np.median(reference)), kind="stable")[:SHOWN]
    return Gallery(
        measure,
        tuple(_shown(evidence.current, int(i), current[i]) for i in most),
        tuple(_shown(evidence.reference, int(i), reference[i]) for i in typical),
        current,
        reference,
    )


def _shown(side: Side, index: int, score: float) -> Shown:
    label = ""
    if side.sample_labels is not None and side.class_names is not None:
        label = side.class_names[int(side.sample_labels[index])]
    alt = f"{side.names[index]}{', ' if label else ''}{label}: {significant(abs(score))}"
    return Shown(picture(side.images[index], alt), side.names[index], label)

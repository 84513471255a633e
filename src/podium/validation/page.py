"""The validation as a page: self-contained, static HTML that also works in a sandboxed frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from podium.data import Dataset
from podium.report.pictures import Picture, picture
from podium.report.templating import environment
from podium.results import SplitName
from podium.validation.context import SPLIT_NAMES, measurable
from podium.validation.reading import read_rows
from podium.validation.results import CheckResult, OffendingImage, Severity, ValidationReport

SHOWN_IMAGES: Final = 12
"""Offending images drawn for one failure."""
SHOWN_CLASSES: Final = 40
"""Classes with bars and samples of their own; the others only stand in the overview."""
SAMPLES: Final = 10
DRAWN: Final = 2000
"""Images of a split that its histogram is made of."""
BLOCK_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True)
class _Cell:
    """All expectations of one check on one split."""

    total: int
    worst: Severity | None
    """Of the failed ones."""


@dataclass(frozen=True)
class _Row:
    title: str
    cells: Sequence[_Cell]
    finding: str


@dataclass(frozen=True)
class _Failure:
    result: CheckResult
    images: Sequence[tuple[Picture, OffendingImage, str]]


@dataclass(frozen=True)
class _Curve:
    """How often the values of one channel are, as points of an SVG line."""

    channel: str
    points: str
    mean: float
    std: float


@dataclass(frozen=True)
class _Class:
    name: str
    counts: Sequence[int]
    samples: Sequence[Picture]


def render_report(report: ValidationReport, dataset: Dataset) -> str:
    """Draw a report: a summary, what failed with the images concerned, every check, class balance and samples.

    Args:
        report: Of this data set.
        dataset: Where images and labels are taken from.

    Returns:
        A complete HTML document without scripts or outside references. All names in it are escaped.
    """
    names = dataset.manifest.class_names
    counts = [_counts(dataset, split) for split in SPLIT_NAMES]
    context: dict[str, Any] = {
        "report": report,
        "manifest": dataset.manifest,
        "splits": SPLIT_NAMES,
        "sizes": [len(dataset.splits[split]) if split in dataset.splits else 0 for split in SPLIT_NAMES],
        "critical": len(report.failed("critical")),
        "warnings": len(report.failed("warning")),
        "failures": [_failure(result, dataset) for result in _by_severity(report.results)],
        "rows": _rows(report.results),
        "counts": counts,
        "largest": [max([1, *split]) for split in counts],
        "classes": [
            _Class(name, [split[label] for split in counts], _samples(dataset, label))
            for label, name in enumerate(names[:SHOWN_CLASSES])
        ],
        "hidden": max(0, len(names) - SHOWN_CLASSES),
        "histograms": [_histogram(dataset, split) for split in SPLIT_NAMES],
    }
    return environment("podium.validation").get_template("page.html").render(context)


def _by_severity(results: Sequence[CheckResult]) -> list[CheckResult]:
    order: tuple[Severity, ...] = ("critical", "warning", "info")
    return [result for severity in order for result in results if not result.success and result.severity == severity]


def _failure(result: CheckResult, dataset: Dataset) -> _Failure:
    names = dataset.manifest.class_names
    images = []
    for image in result.offending[:SHOWN_IMAGES]:
        label = names[image.label] if 0 <= image.label < len(names) else str(image.label)
        pixels = np.asarray(dataset[image.split].images[image.index])
        images.append((picture(pixels, f"{image.place}, {label}: {image.reason}"), image, label))
    return _Failure(result, images)


def _rows(results: Sequence[CheckResult]) -> list[_Row]:
    """A line a check: how many expectations held in each split, and what the worst one found."""
    rows = []
    for name in dict.fromkeys(result.name for result in results):
        of = [result for result in results if result.name == name]
        failed = _by_severity(of)
        finding = failed[0].message if failed else "as expected"
        rows.append(_Row(of[0].title, [_cell(of, split) for split in SPLIT_NAMES], finding))
    return rows


def _cell(results: Sequence[CheckResult], split: SplitName) -> _Cell:
    of = [result for result in results if result.split == split]
    failed = _by_severity(of)
    return _Cell(len(of), failed[0].severity if failed else None)


def _counts(dataset: Dataset, split: SplitName) -> list[int]:
    """Images of each class, as the labels say; labels out of range are left out."""
    classes = len(dataset.manifest.class_names)
    if split not in dataset.splits or dataset[split].labels.dtype != np.int64:
        return [0] * classes
    labels = np.asarray(dataset[split].labels).ravel()
    return [int(n) for n in np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)]


def _samples(dataset: Dataset, label: int) -> list[Picture]:
    """The first training images of a class."""
    train = dataset.splits.get("train")
    if train is None or not measurable(train):
        return []
    indices = np.flatnonzero(np.asarray(train.labels) == label)[:SAMPLES]
    name = dataset.manifest.class_names[label]
    return [picture(np.asarray(train.images[i]), f"train {i}, {name}") for i in indices]


def _histogram(dataset: Dataset, split: SplitName) -> list[_Curve]:
    """A curve a channel over 64 bins of four grey levels, of at most ``DRAWN`` images spread over the split."""
    of = dataset.splits.get(split)
    if of is None or not measurable(of):
        return []
    rows = np.unique(np.linspace(0, len(of) - 1, min(DRAWN, len(of))).astype(np.int64))
    size = max(1, BLOCK_BYTES // max(1, int(np.prod(of.images.shape[1:]))))
    counts = np.zeros((3, 256), np.int64)
    for start in range(0, len(rows), size):
        pixels = read_rows(of.images, rows[start : start + size]).reshape(-1, 3)
        for channel in range(3):
            counts[channel] += np.bincount(pixels[:, channel], minlength=256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    binned = shares.reshape(3, 64, 4).sum(axis=2)
    top = np.quantile(binned, 0.98) or 1.0  # a peak at black or white, as in digits, would press the rest flat
    levels = np.arange(256) / 255
    curves = []
    for channel, name in enumerate(("red", "green", "blue")):
        heights = 100 - 96 * np.minimum(binned[channel] / max(top, 1e-9), 1.04)
        points = " ".join(f"{x * 256 / 63:.1f},{y:.1f}" for x, y in enumerate(heights))
        mean = float(shares[channel] @ levels)
        curves.append(_Curve(name, points, mean, float(np.sqrt(shares[channel] @ (levels - mean) ** 2))))
    return curves

"""The validation as a page: self-contained, static HTML that also works in a sandboxed frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from podium.data import Dataset
from podium.report.pictures import Picture, picture
from podium.results import SplitName
from podium.validation.context import SPLIT_NAMES, measurable
from podium.validation.results import CheckResult, OffendingImage, Severity, ValidationReport

SHOWN_IMAGES: Final = 12
"""Offending images drawn for one failure."""
SHOWN_CLASSES: Final = 40
"""Classes with bars and samples of their own; the others only stand in the overview."""
SAMPLES: Final = 10


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
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("podium.validation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
    }
    return environment.get_template("page.html").render(context)


def _by_severity(results: Sequence[CheckResult]) -> list[CheckResult]:
    order: tuple[Severity, ...] = ("critical", "warning", "info")
    return [result for severity in order for result in results if not result.success and result.severity == severity]


def _failure(result: CheckResult, dataset: Dataset) -> _Failure:
    names = dataset.manifest.class_names
    images = []
    for image in result.offending[:SHOWN_IMAGES]:
        label = names[image.label] if 0 <= image.label < len(names) else str(image.label)
        pixels = np.asarray(dataset[image.split].images[image.index])
        images.append((picture(pixels, f"{image.split} {image.index}, {label}: {image.reason}"), image, label))
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

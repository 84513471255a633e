"""Which classes are taken for which: the matrix and the most frequent confusions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.results import ClassMetrics, Metrics

LARGEST_MATRIX = 24
"""Classes up to which the matrix is a table with figures; above, only the most frequent confusions are listed."""
_TINT = 0.42
"""Strongest tint of a cell, so that the figure on it stays readable."""


@dataclass(frozen=True)
class Cell:
    """One field of the matrix; ``tint`` in [0, 1]."""

    count: int
    correct: bool
    tint: float


@dataclass(frozen=True)
class Confused:
    """``count`` images of class ``true`` were taken for ``predicted``; ``share`` of that class's images."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class ClassRow:
    """One line of the per-class table."""

    metrics: ClassMetrics
    found: int
    taken_for: tuple[tuple[str, int], ...]
    """What its missed images were taken for, with counts; the most frequent three."""

    @property
    def mostly(self) -> str:
        """What the missed images were taken for, in words; empty if nothing stands out."""
        missed = self.metrics.support - self.found
        if not self.taken_for or (len(self.taken_for) > 1 and self.taken_for[0][1] == self.taken_for[1][1]):
            return ""
        name, count = self.taken_for[0]
        if count == missed:
            return f"the other was taken for {name}" if missed == 1 else f"all others were taken for {name}"
        return f"the others were most often taken for {name}"


def matrix(metrics: Metrics) -> list[tuple[str, list[Cell]]] | None:
    """Rows of the matrix with the true class's name; None if there are too many classes for a table.

    Tints follow the share of the true class; mistakes are tinted more strongly, for they are what one looks for.
    """
    if len(metrics.per_class) > LARGEST_MATRIX:
        return None
    rows = []
    for i, (entry, counts) in enumerate(zip(metrics.per_class, metrics.confusion, strict=True)):
        total = max(1, entry.support)
        rows.append((entry.name, [_cell(count, count / total, i == j) for j, count in enumerate(counts)]))
    return rows


def _cell(count: int, share: float, correct: bool) -> Cell:
    strength = 0.3 + 0.7 * share if correct else 0.25 + 2 * share
    return Cell(count, correct, round(_TINT * min(1.0, strength), 3) if count else 0.0)


def confusions(metrics: Metrics, limit: int = 6) -> tuple[Confused, ...]:
    """The most frequent confusions, by count, then by share of the true class."""
    names = [entry.name for entry in metrics.per_class]
    counts = np.array(metrics.confusion)
    np.fill_diagonal(counts, 0)
    found = [
        Confused(names[i], names[j], int(counts[i, j]), int(counts[i, j]) / metrics.per_class[i].support)
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]
    return tuple(sorted(found, key=lambda c: (-c.count, -c.share, c.true, c.predicted))[:limit])


def class_rows(metrics: Metrics) -> tuple[ClassRow, ...]:
    """The classes, weakest recall first, then weakest precision; classes without images last."""
    rows = []
    for i, entry in enumerate(metrics.per_class):
        others = np.array(metrics.confusion[i])
        found, others[i] = int(others[i]), 0
        first = [int(j) for j in np.argsort(-others, kind="stable")[:3] if others[j]]
        rows.append(ClassRow(entry, found, tuple((metrics.per_class[j].name, int(others[j])) for j in first)))
    return tuple(sorted(rows, key=lambda r: (r.metrics.support == 0, r.metrics.recall, r.metrics.precision)))

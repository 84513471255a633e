"""Counts of the classes of both sides in one table, matched by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassTable:
    """Counts of every class that one side names."""

    names: tuple[str, ...]
    """Those of the reference in its order, then those that only the current side names."""
    counts: NDArray[np.int64]
    """int64 2×C: reference, current."""
    note: str = ""
    """How classes were matched, if not by their names."""


def class_table(
    reference: tuple[NDArray[np.int64], tuple[str, ...]], current: tuple[NDArray[np.int64], tuple[str, ...]]
) -> ClassTable:
    """Count the classes of both sides.

    Classes are matched by name. Where the current side has only numbers for names, as a parquet file without class
    names does, and the reference has real names, number i is taken for the reference's i-th class; a note says so.

    Args:
        reference: Labels (int64 N), and the class names that they are indices into.
        current: The same (M).
    """
    known, given = list(reference[1]), list(current[1])
    note = ""
    if given == [str(i) for i in range(len(given))] and not set(given) & set(known):
        given = [known[i] if i < len(known) else name for i, name in enumerate(given)]
        note = "The current labels have no class names: label 0 is taken for the reference's first class, and so on."
    counts = (np.bincount(reference[0], minlength=len(known)), np.bincount(current[0], minlength=len(given)))
    table = count_table((counts[0], tuple(known)), (counts[1], tuple(given)))
    return ClassTable(table.names, table.counts, note)


def count_table(
    reference: tuple[NDArray[np.int64], tuple[str, ...]], current: tuple[NDArray[np.int64], tuple[str, ...]]
) -> ClassTable:
    """Put counts beside each other, classes matched by name.

    Args:
        reference: Count of each class (int64 C), and the classes' names.
        current: The same (D).
    """
    known, given = reference[1], current[1]
    names = (*known, *(name for name in given if name not in set(known)))
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((2, len(names)), np.int64)
    counts[0, : len(known)] = reference[0]
    for name, count in zip(given, current[0], strict=True):
        counts[1, place[name]] += count
    return ClassTable(names, counts)

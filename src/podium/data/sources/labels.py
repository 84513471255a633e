"""Labels as files write them - numbers or names - to class numbers and class names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from podium.data.manifest import problem_with_names
from podium.errors import DataError

At = Callable[[int], str]
"""Names a row, counted from 0, in an error."""
_SHOWN = 10
_REMEDY = "correct the labels, or name every class with --classes, in label order"


def normal_name(text: str) -> str:
    """A class name without blanks around it, in Unicode's composed form (NFC): what looks alike is alike."""
    return unicodedata.normalize("NFC", text.strip())


def alike(class_names: Sequence[str]) -> list[str]:
    """A sentence if classes differ in capitals alone: ``a`` and ``A`` may be letters, ``cat`` and ``CAT`` are not."""
    same: dict[str, list[str]] = {}
    for name in class_names:
        same.setdefault(name.casefold(), []).append(name)
    groups = [" and ".join(map(repr, names)) for names in same.values() if len(names) > 1]
    if not groups:
        return []
    some = ", ".join(groups[:_SHOWN]) + (f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else "")
    return [
        f"classes that differ in capitals alone are imported as different ones: {some}; write them alike to join them"
    ]


def number_labels(
    values: Sequence[str], at: At, class_names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number labels given as text.

    Args:
        values: One a row, all splits together: names of classes, or whole numbers from 0.
        at: Names a row in an error.
        class_names: In label order. Without them the names are the sorted distinct values, or, where all are whole
            numbers, these.

    Returns:
        int64, one a row, and the class names.

    Raises:
        DataError: A value is no class; the numbers leave a class out; fewer than two classes. Rows are named.
    """
    distinct = {value: normal_name(value) for value in set(values)}
    names = tuple(map(normal_name, class_names)) if class_names is not None else None
    _check_names(names)
    numeric = all(_is_number(name) for name in distinct.values())
    if numeric and (names is None or not set(distinct.values()) <= set(names)):
        numbers = {value: int(name) for value, name in distinct.items()}
        return number_integers(np.fromiter((numbers[v] for v in values), np.int64, len(values)), at, names)
    if names is None:
        names = tuple(sorted(set(distinct.values())))
        _check_names(names, origin="the labels")
    index = {name: label for label, name in enumerate(names)}
    wrong = [row for row, value in enumerate(values) if distinct[value] not in index]
    if wrong:
        close = get_close_matches(distinct[values[wrong[0]]], names, 1)
        raise DataError(
            f"{at(wrong[0])}: label {values[wrong[0]]!r} is none of the {len(names)} classes"
            f"{f'; is {close[0]!r} meant?' if close else ''}{more_rows(wrong, at)}",
            remedy=_REMEDY,
        )
    return np.fromiter((index[distinct[v]] for v in values), np.int64, len(values)), names


def number_integers(
    labels: NDArray[np.int64], at: At, class_names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Check labels given as numbers (int64, N, all splits together), and name the classes. As ``number_labels``."""
    if not len(labels):
        raise DataError("no labels", remedy="give at least one image a class")
    _check_names(class_names)
    low, high = int(labels.min()), int(labels.max())
    count = len(class_names) if class_names is not None else min(high + 1, len(labels))
    wrong = np.flatnonzero((labels < 0) | (labels >= count)).tolist()
    if wrong:
        off_by_one = low == 1 and high == count and class_names is not None
        hint = "; they seem to be counted from 1, not from 0" if off_by_one else ""
        raise DataError(
            f"{at(wrong[0])}: label {labels[wrong[0]]} is out of range, 0 to {count - 1}{hint}{more_rows(wrong, at)}",
            remedy=_REMEDY,
        )
    if class_names is not None:
        return labels, tuple(class_names)
    missing = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
    if missing.size:
        hint = "; are they counted from 1?" if missing.tolist() == [0] else ""
        raise DataError(
            f"labels run from {low} to {high}, but none is {', '.join(map(str, missing[:_SHOWN]))}{hint}",
            remedy="count the labels from 0 without gaps, or name every class with --classes, in label order",
        )
    names = tuple(map(str, range(count)))
    _check_names(names, origin="the labels")
    return labels, names


def more_rows(rows: Sequence[int], at: At) -> str:
    """Name the rows after the first one, a few of them in full: all that is wrong is told at once."""
    if len(rows) == 1:
        return ""
    rest = len(rows) - _SHOWN
    return (
        f" ({len(rows)} such: {', '.join(at(row) for row in rows[:_SHOWN])}{f', and {rest} more' if rest > 0 else ''})"
    )


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").removeprefix("+")
    return digits.isascii() and digits.isdecimal() and len(digits) < 19


def _check_names(names: Sequence[str] | None, origin: str = "the given class names") -> None:
    if names is not None and (problem := problem_with_names(names)):
        raise DataError(f"{origin}: {problem}", remedy="give two or more distinct class names")

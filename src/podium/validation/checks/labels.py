"""Labels are those of the named classes, and each class is in each split."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from podium.validation.context import Context
from podium.validation.rule import Rule, Table


def label_set(context: Context) -> Iterator[Rule]:
    """Every label has a name, and every class has images in every split."""
    names = context.manifest.class_names
    for split, found in context.measured.items():
        labels = np.asarray(found.labels)
        table = Table("images", {"label": labels})
        wrong = np.flatnonzero((labels < 0) | (labels >= context.classes))
        yield Rule(
            split,
            table,
            "ExpectColumnValuesToBeBetween",
            {"column": "label", "min_value": 0, "max_value": context.classes - 1},
            "critical",
            f"labels from 0 to {context.classes - 1}",
            "labels out of range: {observed}",
            "correct the labels or name every class",
            offending=wrong,
            reason=_label_of(labels),
        )
        absent = [names[label] for label in range(context.classes) if not (labels == label).any()]
        listed = ", ".join(repr(name) for name in absent[:5]) + (", …" if len(absent) > 5 else "")
        yield Rule(
            split,
            table,
            "ExpectColumnDistinctValuesToContainSet",
            {"column": "label", "value_set": list(range(context.classes))},
            "critical",
            f"all {context.classes} classes",
            f"classes without an image: {len(absent)} ({listed})"
            if absent
            else f"all {context.classes} classes have images",
            "give images of each class, or leave the class out",
        )


def _label_of(labels: NDArray[np.int64]) -> Callable[[int], str]:
    return lambda index: f"label {labels[index]}"

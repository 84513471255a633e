"""No class is so rare that it cannot be learned or judged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.validation.context import Context
from podium.validation.rule import Rule, Table


def class_balance(context: Context) -> Iterator[Rule]:
    """Within each split, the smallest class is large enough, and not much smaller than the largest."""
    names, config = context.manifest.class_names, context.config
    for split, found in context.measured.items():
        labels = np.asarray(found.labels)
        known = labels[(labels >= 0) & (labels < context.classes)]
        counts = np.bincount(known, minlength=context.classes)
        rare, frequent = int(counts.argmin()), int(counts.argmax())
        ratio = counts / max(1, counts[rare])
        table = Table("classes", {"count": counts, "over_smallest": ratio})
        yield Rule(
            split,
            table,
            "ExpectColumnMinToBeBetween",
            {"column": "count", "min_value": config.min_images_per_class},
            "critical",
            f"at least {config.min_images_per_class} images a class",
            f"images of the smallest class, {names[rare]!r}: {{observed}}",
            "give more images of it, or lower validation.min_images_per_class",
        )
        yield Rule(
            split,
            table,
            "ExpectColumnMaxToBeBetween",
            {"column": "over_smallest", "max_value": config.max_class_ratio},
            "critical",
            f"at most {config.max_class_ratio:g} : 1",
            f"largest to smallest class is {{observed}} : 1 ({names[frequent]!r} {counts[frequent]:,},"
            f" {names[rare]!r} {counts[rare]:,})",
            "balance the classes, or raise validation.max_class_ratio",
        )

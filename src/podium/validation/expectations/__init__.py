"""Podium's own expectations: classes of Great Expectations, registered with it when first used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Custom:
    """Where an expectation is, and what it looks at; its module is imported only to judge."""

    module: str
    name: str
    tables: tuple[str, ...]
    columns: tuple[str, ...] = ()
    """Columns that it reads beside those in its kwargs."""

    def load(self) -> Any:
        """Import the class, which registers it with Great Expectations."""
        return getattr(importlib.import_module(f"{__name__}.{self.module}"), self.name)


_STRUCTURE = ("count", "shape", "recorded_shape", "images_dtype", "labels_dtype", "missing_labels")
_RANGE = ("channel", "low", "high", "allowed_low", "allowed_high", "problem", "cause")
_MOMENTS = ("mean_after", "std_after", "mean_own", "std_own")

EXPECTATIONS: dict[str, Custom] = {
    "expect_flagged_images_to_be_few": Custom("flagged", "ExpectFlaggedImagesToBeFew", ("images",)),
    "expect_recorded_structure": Custom("structure", "ExpectRecordedStructure", ("split",), _STRUCTURE),
    "expect_classes_to_have_images": Custom("classes", "ExpectClassesToHaveImages", ("classes",), ("name", "count")),
    "expect_class_ratio_to_be_at_most": Custom(
        "balance", "ExpectClassRatioToBeAtMost", ("classes",), ("name", "count")
    ),
    "expect_shares_to_match_train": Custom(
        "shares", "ExpectSharesToMatchTrain", ("classes", "files"), ("name", "count", "train_count")
    ),
    "expect_normalized_values_to_fit": Custom(
        "normalized", "ExpectNormalizedValuesToFit", ("contracts",), (*_RANGE, *_MOMENTS)
    ),
}
"""A new one is a file in this folder and a line here."""

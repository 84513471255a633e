"""Podium's own expectations: classes of Great Expectations, registered with it when first used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from podium.config.base import Frozen
from podium.validation.expectations.kwargs import Flagged, Normalized, Nothing, Populated, Ratio, Shares


@dataclass(frozen=True)
class Custom:
    """Where an expectation is, and what it looks at; its module is imported only to judge."""

    module: str
    name: str
    tables: tuple[str, ...]
    kwargs: type[Frozen]
    columns: tuple[str, ...] = ()
    """Columns that it reads beside those in its kwargs."""
    details: tuple[str, ...] = ()
    """What its finding tells beside what is observed, for the words of ``meta``."""

    def load(self) -> Any:
        """Import the class, which registers it with Great Expectations."""
        return getattr(importlib.import_module(f"{__name__}.{self.module}"), self.name)


_STRUCTURE = ("count", "shape", "recorded_shape", "images_dtype", "labels_dtype", "missing_labels")
_RANGE = ("channel", "low", "high", "allowed_low", "allowed_high", "problem", "cause")
_MOMENTS = ("mean_after", "std_after", "mean_own", "std_own")

EXPECTATIONS: dict[str, Custom] = {
    "expect_flagged_images_to_be_few": Custom(
        "flagged", "ExpectFlaggedImagesToBeFew", ("images",), Flagged, details=("share",)
    ),
    "expect_recorded_structure": Custom(
        "structure", "ExpectRecordedStructure", ("split",), Nothing, _STRUCTURE, ("wrong",)
    ),
    "expect_classes_to_have_images": Custom(
        "classes", "ExpectClassesToHaveImages", ("classes",), Populated, ("name", "count"), ("rare", "classes")
    ),
    "expect_class_ratio_to_be_at_most": Custom(
        "balance", "ExpectClassRatioToBeAtMost", ("classes",), Ratio, ("name", "count"), ("largest", "smallest")
    ),
    "expect_shares_to_match_train": Custom(
        "shares",
        "ExpectSharesToMatchTrain",
        ("classes", "files"),
        Shares,
        ("name", "count", "train_count"),
        ("difference",),
    ),
    "expect_normalized_values_to_fit": Custom(
        "normalized", "ExpectNormalizedValuesToFit", ("contracts",), Normalized, (*_RANGE, *_MOMENTS), ("cause",)
    ),
}
"""A new one is a file in this folder, its keyword arguments in ``kwargs.py``, and a line here."""

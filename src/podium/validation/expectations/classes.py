"""Every class has images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


class ExpectClassesToHaveImages(TableExpectation):
    """Each class has at least ``min_count`` images in the split."""

    min_count: int
    success_keys: ClassVar[tuple[str, ...]] = ("min_count",)

    def judge(self, table: pd.DataFrame) -> Finding:
        """Observed is the smallest class's number of images."""
        counts = table["count"].to_numpy()
        few = np.flatnonzero(counts < self.min_count)
        names = ", ".join(repr(name) for name in table["name"].iloc[few[:5]]) + (", …" if len(few) > 5 else "")
        return Finding(not len(few), int(counts.min()), few.tolist(), {"rare": names or "none", "classes": len(few)})

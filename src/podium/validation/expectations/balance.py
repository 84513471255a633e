"""No class is much smaller than another."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


class ExpectClassRatioToBeAtMost(TableExpectation):
    """The largest class has at most ``max_ratio`` times as many images as the smallest."""

    max_ratio: float
    success_keys: ClassVar[tuple[str, ...]] = ("max_ratio",)

    def judge(self, table: pd.DataFrame) -> Finding:
        """Observed is largest over smallest; an empty class counts as one image."""
        counts, names = table["count"].to_numpy(), table["name"].to_numpy()
        low, high = int(counts.argmin()), int(counts.argmax())
        ratio = float(counts[high] / max(1, counts[low]))
        details = {
            "largest": f"{names[high]!r} {counts[high]:,}",
            "smallest": f"{names[low]!r} {counts[low]:,}",
        }
        return Finding(ratio <= self.max_ratio, ratio, details=details)

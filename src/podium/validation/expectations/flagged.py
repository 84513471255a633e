"""Images that something is wrong with: how many are bearable."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


_LISTED = 1000
"""Rows handed on: very many would be a list of numbers of the size of the data set."""


class ExpectFlaggedImagesToBeFew(TableExpectation):
    """Few images have a value other than 0 in a column, counted or as a share.

    Args:
        column: A column of flags (0 or 1), or of numbers to be compared with ``above`` or ``below``.
        max_count: So many images may have it.
        max_share: Or this fraction of the split; what allows more holds.
        above: Count values above.
        below: Or count values below.
    """

    column: str
    max_count: int
    max_share: float
    above: float | None
    below: float | None

    success_keys: ClassVar[tuple[str, ...]] = ("column", "max_count", "max_share", "above", "below")

    def judge(self, table: pd.DataFrame) -> Finding:
        """Count; the offending rows are the flagged ones."""
        values = table[self.column].to_numpy()
        flagged = np.zeros(len(values), bool)
        if self.above is None and self.below is None:
            flagged = values != 0
        if self.above is not None:
            flagged |= values > self.above
        if self.below is not None:
            flagged |= values < self.below
        rows = np.flatnonzero(flagged)
        allowed = max(self.max_count, int(self.max_share * len(values)))
        share = len(rows) / len(values)
        return Finding(len(rows) <= allowed, len(rows), rows[:_LISTED].tolist(), {"share": share}, total=len(rows))

"""What a network will see fits what it was trained to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


class ExpectNormalizedValuesToFit(TableExpectation):
    """After normalization by a candidate's input contract, values are in range, means near 0 and deviations near 1.

    Args:
        max_mean: The farthest that a channel's mean may lie from 0.
        max_factor: The greatest factor between a channel's deviation and 1, either way.
        own: Look only where the normalization is by the data's own statistics.
    """

    max_mean: float
    max_factor: float
    own: bool
    success_keys: ClassVar[tuple[str, ...]] = ("max_mean", "max_factor", "own")

    def judge(self, table: pd.DataFrame) -> Finding:
        """Observed is the channel that fits least, in words."""
        mean, std = ("mean_own", "std_own") if self.own else ("mean_after", "std_after")
        scale = np.maximum(table[std].to_numpy(), 1e-9)
        factor = np.maximum(scale, 1 / scale)
        off = np.abs(table[mean].to_numpy())
        # Rounding of mean and deviation to eight digits moves the limits.
        outside = (table["low"] < table["allowed_low"] - 1e-4) | (table["high"] > table["allowed_high"] + 1e-4)
        outside |= table["problem"] > 0
        rows = np.flatnonzero(outside.to_numpy() | (off > self.max_mean) | (factor > self.max_factor))
        worst = int(np.argmax(np.maximum(off / self.max_mean, np.log(factor) / np.log(self.max_factor))))
        if outside.any():
            worst = int(np.argmax(outside.to_numpy()))
        row = table.iloc[worst]
        observed = (
            f"{row['channel']}: mean {row['mean_after']:.3g}, deviation {row['std_after']:.3g},"
            f" values {row['low']:.3g} to {row['high']:.3g}"
        )
        return Finding(not len(rows), observed, rows.tolist(), {"cause": str(row["cause"])})

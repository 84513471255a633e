"""A split is drawn as train is: classes, modes or formats have the same shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from podium.validation.expectations.base import Finding, TableExpectation

if TYPE_CHECKING:
    import pandas as pd


class ExpectSharesToMatchTrain(TableExpectation):
    """A chi-square test of homogeneity (Pearson 1900) does not reject that split and train have the same shares.

    Args:
        min_p_value: Reject below.
        min_difference: Differences of shares (total variation, 0…1) up to here are never rejected: in a large data set
            the test finds what does not matter.
    """

    min_p_value: float
    min_difference: float
    success_keys: ClassVar[tuple[str, ...]] = ("min_p_value", "min_difference")

    def judge(self, table: pd.DataFrame) -> Finding:
        """Observed is the p-value."""
        from scipy.stats import chi2_contingency

        counts = table[["count", "train_count"]].to_numpy().T
        counts = counts[:, counts.sum(axis=0) > 0]
        if not counts.sum(axis=1).all() or counts.shape[1] < 2:
            return Finding(True, 1.0, details={"difference": 0.0})
        p = float(chi2_contingency(counts, correction=False).pvalue)
        shares = counts / counts.sum(axis=1, keepdims=True)
        difference = float(np.abs(shares[0] - shares[1]).sum() / 2)
        success = p >= self.min_p_value or difference <= self.min_difference
        return Finding(success, p, details={"difference": difference})

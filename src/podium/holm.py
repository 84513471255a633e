"""Several tests at once: Holm's correction, for drift, the gate and slices of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def corrected(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjust p-values of several tests: the chance of any wrong rejection becomes that of one test (Holm 1979).

    Valid however the tests depend on each other. SciPy has no such function, and statsmodels' collects garbage of the
    whole process at each call (0.1 s and more).

    Args:
        p_values: One a test.

    Returns:
        float64, in the same order; a test is significant if its value is at most the level.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted

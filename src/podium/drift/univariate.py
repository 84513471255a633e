"""Pixel statistics, one at a time: do they have the same distribution on both sides?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.drift.pixels import PIXEL_STATISTICS, PixelStatistic
from podium.drift.results import TestResult

_EXACT: Final = 1000
"""Up to so many images on the larger side p-values are exact; above, the asymptotic ones differ in the third digit."""


def pixel_tests(
    reference: Mapping[str, NDArray[np.float64]], current: Mapping[str, NDArray[np.float64]], *, minimum: float
) -> tuple[TestResult, ...]:
    """Two-sample Kolmogorov-Smirnov tests, one a statistic. Ties make them conservative.

    Args:
        reference: Of each pixel statistic, float64 N.
        current: The same, float64 M.
        minimum: Least Kolmogorov-Smirnov distance that counts as drift.
    """
    from scipy import stats  # takes a second

    results = []
    for name, statistic in PIXEL_STATISTICS.items():
        a, b = reference[name], current[name]
        found = stats.ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= _EXACT else "asymp")
        results.append(
            TestResult(
                group="pixels",
                name=name,
                method="Kolmogorov-Smirnov",
                statistic=float(found.statistic),
                p_value=min(1.0, max(0.0, float(found.pvalue))),
                effect=float(found.statistic),
                effect_name="Kolmogorov-Smirnov distance",
                effect_minimum=minimum,
                detail=_words(statistic, a, b, float(found.statistic)),
                reference_count=len(a),
                current_count=len(b),
            )
        )
    return tuple(results)


def _words(statistic: PixelStatistic, a: NDArray[np.float64], b: NDArray[np.float64], distance: float) -> str:
    """Say in which direction the values moved; a wider or narrower distribution moves in none."""
    from scipy import stats  # takes a second

    larger = stats.mannwhitneyu(b, a, method="asymptotic").statistic / (len(a) * len(b))
    shift = 2 * float(larger) - 1
    if abs(shift) < distance / 2:
        return f"another spread of {statistic.title}"
    return statistic.more if shift > 0 else statistic.less

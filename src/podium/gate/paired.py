"""Two models on the same images: what of their difference is chance.

Everything here depends on four counts: how many images both models get right, one alone, the other alone, neither.
"""

from __future__ import annotations

import math
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike

from podium.config import Frozen
from podium.holm import corrected

__all__ = ["Paired", "better", "corrected", "different", "interval", "level_of", "not_inferior"]

RESAMPLES: Final = 9_999
"""Of the bootstrap (Davison & Hinkley 1997, section 2.5: a number for which quantiles are order statistics)."""
MOST: Final = 1_000_000
"""Of the bootstrap, where the level is of a late decision on a test split."""
FIRST: Final = 0.8
"""Of alpha, for the first decision on a test split: most are decided on once or twice."""


class Paired(Frozen):
    """Counts of images by which model gets them right."""

    both: int
    challenger: int
    """The challenger alone."""
    champion: int
    """The champion alone."""
    neither: int

    @classmethod
    def of(cls, challenger: ArrayLike, champion: ArrayLike) -> Self:
        """Count outcomes.

        Args:
            challenger: Bool N: whether the challenger gets an image right.
            champion: Bool N, of the same images in the same order.

        Raises:
            ValueError: They are no bool vectors of one length above 0.
        """
        new, old = np.asarray(challenger), np.asarray(champion)
        if new.dtype != bool or old.dtype != bool or new.ndim != 1 or new.shape != old.shape or not len(new):
            raise ValueError(
                f"outcomes are {new.dtype} of shape {new.shape} and {old.dtype} of shape {old.shape}, not two bool"
                " vectors of one length"
            )
        counts = [int(np.count_nonzero(values)) for values in (new & old, new & ~old, ~new & old, ~new & ~old)]
        return cls(both=counts[0], challenger=counts[1], champion=counts[2], neither=counts[3])

    @property
    def count(self) -> int:
        """Images."""
        return self.both + self.challenger + self.champion + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the challenger less that of the champion."""
        return (self.challenger - self.champion) / self.count


def better(pairs: Paired) -> float:
    """Probability of a difference as great as this one, or greater, if the challenger is no better than the champion.

    McNemar's test, exact and one-sided (McNemar 1947; Dietterich 1998, doi 10.1162/089976698300017197): of the images
    on which the two differ, as many go to the challenger by tossing a coin. 1 where they differ on none.
    """
    return _coin(pairs, "greater")


def different(pairs: Paired) -> float:
    """The same for a difference in either direction."""
    return _coin(pairs, "two-sided")


def _coin(pairs: Paired, alternative: str) -> float:
    from scipy import stats  # takes a second, which reading what a gate said does not need

    differ = pairs.challenger + pairs.champion
    return float(stats.binomtest(pairs.challenger, differ, 0.5, alternative).pvalue) if differ else 1.0


def interval(pairs: Paired, level: float, *, seed: int, resamples: int | None = None) -> tuple[float, float]:
    """Bootstrap interval of the difference in accuracy; it contains the difference itself.

    Images are drawn again with their pair of outcomes (paired bootstrap, percentiles: Efron & Tibshirani 1993, sections
    8.3 and 13.3). Only four pairs of outcomes exist, so that this is to draw their counts from a multinomial
    distribution: the same distribution as by drawing indices, without n numbers a resample.

    Args:
        pairs: The counts.
        level: Coverage, such as 0.95.
        seed: Of the draws.
        resamples: Their number; by default so many that 20 lie beyond either end, up to a million.
    """
    tail = (1 - level) / 2
    size = resamples or min(MOST, max(RESAMPLES, math.ceil(20 / tail)))
    counts = np.array([pairs.challenger, pairs.champion, pairs.both + pairs.neither])
    drawn = np.random.default_rng(seed).multinomial(pairs.count, counts / pairs.count, size=size)
    differences = (drawn[:, 0] - drawn[:, 1]) / pairs.count
    low, high = np.quantile(differences, [tail, 1 - tail])
    return min(float(low), pairs.difference), max(float(high), pairs.difference)


def not_inferior(pairs: Paired, margin: float) -> float:
    """Probability of a difference as great as this one, or greater, if the challenger is worse by ``margin`` or more.

    Score test for paired proportions (Tango 1998, Statistics in Medicine 17: 891-908), with the probability that the
    champion alone is right estimated under the hypothesis. A small value shows that the challenger is worse by less
    than the margin. With few images it rarely is small.

    Raises:
        ValueError: ``margin`` is not within (0, 1).
    """
    if not 0 < margin < 1:
        raise ValueError(f"a margin of {margin} is not between 0 and 1")
    from scipy import stats  # as above

    n, new, old, shift = pairs.count, pairs.challenger, pairs.champion, -margin
    a, b, c = 2 * n, -new - old + (2 * n - new + old) * shift, -old * shift * (1 - shift)
    alone = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    score = (new - old - n * shift) / math.sqrt(n * (2 * alone + shift * (1 - shift)))
    return float(stats.norm.sf(score))


def level_of(use: int, alpha: float) -> float:
    """The level of a decision on a test split, counted from 1: all decisions on it together stay within ``alpha``.

    The first has ``FIRST`` of it; of the rest, the k-th after it has 6/(π²k²), which sums to 1 however many follow
    (alpha spending: Foster & Stine 2008, JRSS B 70: 429-444).

    Raises:
        ValueError: ``use`` is below 1.
    """
    if use < 1:
        raise ValueError(f"decisions count from 1, not {use}")
    return alpha * (FIRST if use == 1 else (1 - FIRST) * 6 / (math.pi * (use - 1)) ** 2)

"""Settings of the drift tests; the reasons for the defaults are in ``docs/design/drift.md``."""

from __future__ import annotations

import math

from pydantic import Field

from podium.config.base import Frozen, Seed


class Minimum(Frozen):
    """Effects below which a difference is too small to matter, however many images make it significant."""

    labels: float = Field(0.05, ge=0, le=1)
    """Total variation distance of the class shares: the share of images that would have to change class."""
    pixels: float = Field(0.1, ge=0, le=1)
    """Kolmogorov-Smirnov distance: the largest gap between the two distribution functions."""
    embedding: float = Field(0.53, ge=0.5, le=1)
    """Area under the ROC curve of the classifier that tells the two sides apart; 0.5 is chance."""


class DriftConfig(Frozen):
    """What counts as drift, and how much is looked at."""

    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Probability of a false alarm, over all tests together (Holm)."""
    sample: int = Field(2000, ge=20)
    """At most so many images of each side are decoded and compared; labels are all counted."""
    seed: Seed = 0
    """Of the sample, the folds and the permutations."""
    permutations: int = Field(999, ge=99)
    """At least so many; more where ``alpha`` is too small for them."""
    minimum: Minimum = Minimum()
    unreadable: float = Field(0.01, ge=0, le=1)
    """Share of the current sample's images that may be undecodable; more is drift, whatever the tests say."""

    def permutations_for(self, tests: int) -> int:
        """Enough that the smallest possible p-value, 1 / (n + 1), is half of Holm's first bound, ``alpha`` / tests."""
        return max(self.permutations, math.ceil(2 * tests / self.alpha) - 1)

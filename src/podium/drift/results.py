"""What the tests found; ``podium drift --json`` is ``DriftReport`` as it stands here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.report.text import THIN, percent, plural

Group = Literal["labels", "pixels", "embedding"]
Kind = Literal["labels", "pixels", "embedding", "unreadable"]
"""What drift was found in; ``unreadable``: too many of the current images cannot be decoded."""
Verdict = Literal["drift", "small", "none"]
"""``small``: significant, but the effect is below the minimum."""


class TestResult(Frozen):
    """One test of the hypothesis that both sides come from one distribution."""

    __test__ = False  # not for pytest

    group: Group
    name: str
    """``labels``, ``classes``, ``predictions``, a pixel statistic, or ``embedding``."""
    method: str
    statistic: float
    p_value: float = Field(ge=0, le=1)
    p_adjusted: float = Field(1.0, ge=0, le=1)
    """After Holm, over all tests of the report."""
    effect: float
    effect_name: str
    effect_minimum: float
    detectable: float | None = None
    """The least effect that this test finds with probability 0.8 at these sizes; None: none at all."""
    verdict: Verdict = "none"
    detail: str = ""
    """What differs, in words: ``darker``, ``class ship is missing``."""
    reference_count: int = Field(ge=0)
    current_count: int = Field(ge=0)


class SkippedTest(Frozen):
    """A test that was not made, and why."""

    name: str
    reason: str


class Unreadable(Frozen):
    """How many of the current sample's images cannot be decoded: no test, but a bound."""

    count: int = Field(ge=0)
    share: float = Field(ge=0, le=1)
    maximum: float
    """More is drift."""
    verdict: Literal["drift", "none"]

    @property
    def words(self) -> str:
        """Such as ``180 of 200 current images, 90.0 %, cannot be decoded``."""
        images = round(self.count / self.share) if self.count else 0
        told = f"{self.count:,} of {plural(images, 'current image')}, {percent(self.share)}{THIN}%, cannot be decoded"
        return f"{told}; at most {100 * self.maximum:g}{THIN}% is allowed" if self.verdict == "drift" else told


class SideSummary(Frozen):
    """One side of the comparison."""

    name: str
    """As it was given on the command line."""
    digest: str | None
    """Of the data set; None for plain files."""
    splits: tuple[str, ...]
    """Of the data set that were used; empty for plain files."""
    count: int = Field(ge=0)
    """Images there are."""
    compared: int = Field(ge=0)
    """Images that were decoded and compared."""
    labelled: bool
    unreadable: tuple[str, ...] = ()
    """Names of images of the sample that could not be decoded; they were left out."""


class DriftReport(Frozen):
    """All tests and one decision."""

    schema_version: Literal[1] = 1
    drift: bool
    kinds: tuple[Kind, ...]
    """Of the tests that found drift, and ``unreadable``."""
    sentence: str
    alpha: float
    seed: int
    permutations: int
    features: str
    """Where the embedding comes from."""
    reference: SideSummary
    current: SideSummary
    unreadable: Unreadable
    tests: tuple[TestResult, ...]
    skipped: tuple[SkippedTest, ...] = ()
    warnings: tuple[str, ...] = ()
    """What may go unseen: too few images, no labels."""
    notes: tuple[str, ...] = ()

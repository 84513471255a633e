"""The outcome of a validation; small, typed, JSON-serializable."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.results import SplitName

Severity = Literal["critical", "warning", "info"]


class OffendingImage(Frozen):
    """One image that an expectation did not hold for."""

    split: SplitName
    index: int
    name: str = ""
    """Of the original file, as ``items.tsv`` has it; empty for a data set in memory."""
    label: int
    reason: str

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return place(self.split, self.index, self.name)

    @property
    def telling_name(self) -> str:
        """The name, unless it says no more than split and index."""
        return telling_name(self.split, self.index, self.name)


def place(split: str, index: int, name: str) -> str:
    """``train 17 (cats/a.jpg)``; without the name where it says no more than split and index."""
    told = telling_name(split, index, name)
    return f"{split} {index} ({told})" if told else f"{split} {index}"


def telling_name(split: str, index: int, name: str) -> str:
    """Images that came as arrays are called ``SPLIT/INDEX``, which need not be told twice."""
    return "" if name == f"{split}/{index}" else name


class CheckResult(Frozen):
    """One expectation on one split (and one candidate's contract)."""

    name: str
    """The expectation's id in the suite."""
    title: str
    """The expectation in words."""
    split: SplitName
    subject: str | None = None
    """The candidate whose input contract was looked at, if the expectation is about one."""
    severity: Severity
    """What a failure means: critical stops the run, a warning asks for a look, info is worth knowing."""
    success: bool
    observed: float | int | str | None
    expected: str
    message: str
    """What was found, as a sentence."""
    offending_count: int = 0
    offending: tuple[OffendingImage, ...] = ()
    """The first of them."""
    evidence: dict[str, Any] = Field(default_factory=dict)
    """The validation result of Great Expectations."""


class ValidationReport(Frozen):
    """All results of one validation of one data version."""

    schema_version: Literal[2] = 2
    passed: bool
    """No critical expectation failed."""
    data_name: str
    data_digest: str
    suite: str
    """Name of the suite."""
    suite_digest: str
    """SHA-256 of its content, with all that it extends."""
    engine: str
    """Name and version of the library that judged."""
    seconds: float
    part_seconds: dict[str, float] = Field(default_factory=dict)
    """Seconds of each part; the measures run side by side, so that they add up to more than ``seconds``."""
    results: tuple[CheckResult, ...]

    def failed(self, severity: Severity) -> tuple[CheckResult, ...]:
        """Return the failed results of one severity."""
        return tuple(r for r in self.results if not r.success and r.severity == severity)

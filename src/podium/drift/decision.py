"""One decision over all tests: Holm's correction for significance, a minimum effect for relevance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from podium.drift.results import Group, Kind, TestResult, Unreadable, Verdict
from podium.holm import corrected
from podium.report.text import listing, plural

_GROUPS: Final[tuple[Group, ...]] = ("labels", "pixels", "embedding")
_NAMED: Final = 3
"""Findings of a group that the sentence names."""


def decide(results: Sequence[TestResult], alpha: float) -> tuple[TestResult, ...]:
    """Fill in adjusted p-values and verdicts: drift if significant and no smaller than the minimum effect.

    The second condition only takes rejections away, so the level holds.
    """
    adjusted = corrected([result.p_value for result in results])
    decided = []
    for result, p in zip(results, adjusted, strict=True):
        verdict: Verdict = "none"
        if p <= alpha:
            verdict = "drift" if result.effect >= result.effect_minimum else "small"
        decided.append(result.model_copy(update={"p_adjusted": float(p), "verdict": verdict}))
    return tuple(decided)


def unreadable(count: int, sampled: int, maximum: float) -> Unreadable:
    """Judge how many images of the current sample cannot be decoded.

    A bound, not a test: a broken upload or a new format is a fault whatever chance says, and the other tests see
    nothing of such images.

    Args:
        count: Images that cannot be decoded.
        sampled: Of so many, at least 1.
        maximum: Greatest share that is no finding.
    """
    share = count / sampled
    return Unreadable(count=count, share=share, maximum=maximum, verdict="drift" if share > maximum else "none")


def kinds(results: Sequence[TestResult], files: Unreadable | None = None) -> tuple[Kind, ...]:
    """Return the groups with a test that found drift, in the order of reports, and ``unreadable``."""
    groups = _groups(results)
    return (*groups, "unreadable") if files and files.verdict == "drift" else groups


def _groups(results: Sequence[TestResult]) -> tuple[Group, ...]:
    found = {result.group for result in results if result.verdict == "drift"}
    return tuple(group for group in _GROUPS if group in found)


def sentence(results: Sequence[TestResult], alpha: float, files: Unreadable | None = None) -> str:
    """Say whether there is drift and of what kind, for the head of the report."""
    drifted = [result for result in results if result.verdict == "drift"]
    found_in = [f"{group} ({_details(drifted, group)})" for group in _groups(results)]
    if files and files.verdict == "drift":
        found_in.append(f"files ({files.words})")
    if not found_in:
        small = [result.name for result in results if result.verdict == "small"]
        found = f"No drift: none of {plural(len(results), 'test')} found a difference that matters at level {alpha:g}"
        verb = "differs" if len(small) == 1 else "differ"
        return found + (f"; {listing(small)} {verb} significantly, but little." if small else ".")
    return f"Drift in the {listing(found_in)}."


def _details(drifted: Sequence[TestResult], group: Group) -> str:
    """The strongest findings of a group; a class that is missing or new tells more than the shares."""
    found = [result for result in drifted if result.group == group]
    if presence := [result for result in found if result.name == "classes"]:
        found = presence
    found.sort(key=lambda result: -result.effect)
    details = [result.detail or result.name for result in found[:_NAMED]]
    if len(found) > _NAMED:
        details.append(f"{len(found) - _NAMED} more")
    return listing(details)

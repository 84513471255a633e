"""What the gate says: each criterion with value, bound and reason, and the outcome that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from podium.config import Frozen
from podium.config.promotion import Severity

Standing = Literal["met", "missed", "undecided", "unknown", "not applicable"]
"""``undecided``: measured, and too few images tell; ``unknown``: not measured."""
Outcome = Literal["promote-eligible", "needs-review-with-warnings", "blocked"]


class Criterion(Frozen):
    """One question of the policy, and its answer."""

    name: str
    standing: Standing
    severity: Severity
    """What follows if it is not met."""
    reason: str
    """One sentence, with the numbers."""
    value: float | None = None
    """In the bound's unit; null where it could not be measured, or does not apply."""
    bound: float | None = None

    @property
    def blocks(self) -> bool:
        """Whether it keeps the challenger from being promoted: what could not be measured is never taken for met."""
        return self.severity == "block" and self.standing in ("missed", "unknown")

    @property
    def warns(self) -> bool:
        """Whether a reviewer has to look at it."""
        return self.standing == "undecided" or (self.severity == "warn" and self.standing in ("missed", "unknown"))


class Verdict(Frozen):
    """Of the gate on one challenger."""

    outcome: Outcome
    criteria: tuple[Criterion, ...]

    @property
    def open_questions(self) -> tuple[Criterion, ...]:
        """What blocks, then what warns."""
        blocking = [criterion for criterion in self.criteria if criterion.blocks]
        return (*blocking, *(criterion for criterion in self.criteria if criterion.warns))


def verdict(criteria: Sequence[Criterion]) -> Verdict:
    """The outcome of all criteria. Raises ValueError without any, or if two have one name."""
    names = [criterion.name for criterion in criteria]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"a verdict needs criteria of different names, not {names}")
    outcome: Outcome = "promote-eligible"
    if any(criterion.blocks for criterion in criteria):
        outcome = "blocked"
    elif any(criterion.warns for criterion in criteria):
        outcome = "needs-review-with-warnings"
    return Verdict(outcome=outcome, criteria=tuple(criteria))

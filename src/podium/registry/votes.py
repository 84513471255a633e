"""What people say on a review: approvals, the decision that follows from them, and the id that names the review."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from podium.config import Frozen
from podium.errors import NoSuchReview


class Vote(Frozen):
    """One person's approval."""

    event: int
    time: datetime
    actor: str
    reason: str
    self_approved: bool = False
    """Whether it is the author's."""
    override: bool = False
    """Whether it is given although the gate blocks."""


class Decision(Frozen):
    """Who decided what, when and why."""

    event: int
    """Its number in the log."""
    verdict: Literal["approved", "rejected"]
    time: datetime
    actor: str
    """Whose vote was the last."""
    reason: str
    self_approved: bool = False
    """Whether the author is one of the approvers."""
    override: bool = False


def review_id(model: str, version: int) -> str:
    """``podium-3``: the review of version 3 of the model ``podium``."""
    return f"{model}-{version}"


def parse_review_id(text: str) -> tuple[str, int]:
    """Split a review id into model and version. Raises NoSuchReview if it is none."""
    model, _, version = text.rpartition("-")
    if not model or not version.isdecimal():
        raise NoSuchReview(
            f"{text!r} is no review id", remedy="give one such as podium-3; `podium review list` shows them"
        )
    return model, int(version)

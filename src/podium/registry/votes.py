"""What people say on a review: approvals, the decision that follows from them, and the id that names the review."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from podium.config import Frozen
from podium.config.decision import same_person
from podium.errors import NoSuchReview

Via = Literal["desk", "terminal"]


class Said(Frozen):
    """How it is known who said something."""

    actor: str
    via: Via | None = None
    """At the desk, whose login knew the person; or by a command, which believes the name. Null in older logs."""
    process: str | None = None
    """Whose process wrote it, as ``name@host``: the person's own command, or the desk."""

    @property
    def named_by(self) -> str | None:
        """Who gave another's name to a command; null where nobody did, or it is not known."""
        given = self.via == "terminal" and self.process is not None and not same_person(self.actor, self.process)
        return self.process if given else None


class Vote(Said):
    """One person's approval."""

    event: int
    time: datetime
    reason: str
    self_approved: bool = False
    """Whether it is the author's."""
    override: bool = False
    """Whether it is given although the gate blocks."""


class Decision(Said):
    """Who decided what, when and why; ``actor`` is whose vote was the last."""

    event: int
    """Its number in the log."""
    verdict: Literal["approved", "rejected"]
    time: datetime
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

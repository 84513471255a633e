"""What is told: one event of a review or of a retraining, as JSON and as a message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from podium.config import Frozen

Kind = Literal["opened", "renewed", "approved", "rejected", "rolled_back"]
RetrainingKind = Literal["retraining_failed", "retraining_gave_up", "retraining_blocked", "retraining_drifted"]
_OUTCOMES: Final[Mapping[RetrainingKind, str]] = {
    "retraining_failed": "failed",
    "retraining_gave_up": "is not tried any more",
    "retraining_blocked": "found nothing that the gate lets through",
    "retraining_drifted": "sees drift, and has nothing new to learn from",
}
_WORDS: Final[Mapping[Kind, str]] = {
    "opened": "awaits a decision",
    "renewed": "awaits a decision anew",
    "approved": "was approved and is the champion",
    "rejected": "was rejected",
    "rolled_back": "is the champion again",
}


class ReviewNotice(Frozen):
    """One event of the decision log; the JSON of a webhook."""

    schema_version: Literal[1] = 1
    id: str
    """The hash of the log's event: who gets a notice twice sees that it is the same."""
    event: int
    kind: Kind
    time: datetime
    review: str
    model: str
    version: int
    candidate: str
    run: str
    author: str
    actor: str
    """Who opened, renewed, decided."""
    reason: str | None = None
    outcome: str | None = None
    """The gate's."""
    dossier: str | None = None
    quorum: int | None = None
    expires: datetime | None = None
    self_approved: bool = False
    override: bool = False
    champion: int | None = None
    """The promoted version after the event."""

    @property
    def about(self) -> str:
        """What happened, in a sentence about the notice."""
        return f"{self.review} was {self.kind.replace('_', ' ')}"

    @property
    def subject(self) -> str:
        """One line."""
        marks = [text for text, holds in (("self-approved", self.self_approved), ("override", self.override)) if holds]
        shown = f" ({', '.join(marks)})" if marks else ""
        return " ".join(f"[podium] {self.review} ({self.candidate}) {_WORDS[self.kind]}{shown}".split())

    @property
    def text(self) -> str:
        """The body of a message."""
        facts = {
            "review": f"podium review show {self.review}",
            "run": f"{self.run} by {self.author}",
            "by": f"{self.actor} on {self.time:%Y-%m-%d %H:%M} UTC",
            "reason": self.reason,
            "gate": self.outcome,
            "approvals needed": self.quorum if self.kind in ("opened", "renewed") else None,
            "expires": f"{self.expires:%Y-%m-%d %H:%M} UTC" if self.expires else None,
            "champion": f"version {self.champion}" if self.champion is not None else "none",
            "dossier": self.dossier,
        }
        return _text(self.subject, facts)


class RetrainingNotice(Frozen):
    """What a retraining came to that opens no review and wants a person; likewise."""

    schema_version: Literal[1] = 1
    id: str
    """A digest of retraining, entry and time."""
    event: int
    """The entry of the retraining's history."""
    kind: RetrainingKind
    time: datetime
    retraining: str
    """The configuration's name."""
    model: str
    run: str | None = None
    candidate: str | None = None
    reasons: tuple[str, ...]
    """Cause, or the gate's reasons."""

    @property
    def about(self) -> str:
        """What happened, in a sentence about the notice."""
        return f"retraining {self.retraining} {_OUTCOMES[self.kind]}"

    @property
    def subject(self) -> str:
        """One line."""
        return " ".join(f"[podium] retraining {self.retraining} ({self.model}) {_OUTCOMES[self.kind]}".split())

    @property
    def text(self) -> str:
        """The body of a message."""
        facts = {
            "when": f"{self.time:%Y-%m-%d %H:%M} UTC",
            "run": self.run,
            "candidate": self.candidate,
            "why": "; ".join(self.reasons),
            "history": "podium retrain history",
        }
        return _text(self.subject, facts)


Notice = ReviewNotice | RetrainingNotice


def _text(subject: str, facts: Mapping[str, object]) -> str:
    lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
    return "\n".join([subject.removeprefix("[podium] "), "", *lines, ""])

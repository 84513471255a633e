"""What is told: one event of a review, as JSON and as a message."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from podium.config import Frozen

Kind = Literal["opened", "renewed", "approved", "rejected", "rolled_back"]
_WORDS = {
    "opened": "awaits a decision",
    "renewed": "awaits a decision anew",
    "approved": "was approved and is the champion",
    "rejected": "was rejected",
    "rolled_back": "is the champion again",
}


class Notice(Frozen):
    """One event; the JSON of a webhook."""

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
        lines = [f"{name}: {value}" for name, value in facts.items() if value is not None]
        return "\n".join([self.subject.removeprefix("[podium] "), "", *lines, ""])

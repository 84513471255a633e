"""The decision log as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from podium.desk.present import Tone, moment
from podium.registry.log import Event
from podium.registry.state import review_id

_HOUSEKEEPING: Final = frozenset({"opened", "renewed", "applied", "synced"})
"""Events that are nobody's decision."""
_TONES: Final[dict[str, Tone]] = {"approved": "good", "rejected": "warm", "rolled_back": "warm"}


@dataclass(frozen=True)
class Entry:
    """One decision."""

    seq: int
    what: str
    tone: Tone
    review: str
    model: str
    actor: str
    time: str
    reason: str
    self_approved: bool
    override: bool
    digest: str
    """The beginning of the event's hash."""


def history(events: Sequence[Event], model: str = "") -> tuple[Entry, ...]:
    """Decisions of all models, or of one; newest first. Kinds that are new to this page are shown by their name."""
    return tuple(
        Entry(
            seq=event.seq,
            what={"rolled_back": "made champion again", "voted": "approved, awaiting more"}.get(
                event.kind, event.kind.replace("_", " ")
            ),
            tone=_TONES.get(event.kind, "plain"),
            review=review_id(event.payload["model"], event.payload["version"]),
            model=event.payload["model"],
            actor=event.actor,
            time=moment(event.time),
            reason=str(event.payload.get("reason") or ""),
            self_approved=bool(event.payload.get("self_approved")),
            override=bool(event.payload.get("override")),
            digest=event.hash[:12],
        )
        for event in reversed(events)
        if event.kind not in _HOUSEKEEPING
        and "version" in event.payload
        and "model" in event.payload
        and model in ("", event.payload["model"])
    )

"""Makes notices of the log's events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from podium.notify.notice import Kind, ReviewNotice
from podium.notify.outbox import Entry, keep, send
from podium.registry.log import Event
from podium.registry.state import fold
from podium.settings import Settings


def tell(settings: Settings, events: Sequence[Event]) -> tuple[str, ...]:
    """Announce the last event of the log, if it is one that people are told of; warnings of what did not go out."""
    entry = keep_notice(settings, events)
    return send(settings, entry) if entry else ()


def keep_notice(settings: Settings, events: Sequence[Event]) -> Entry | None:
    """Keep the notice of the log's last event, to be sent soon; None if nobody is to be told of it."""
    event = events[-1]
    if event.kind not in get_args(Kind):
        return None
    state = fold(events, event.payload["model"])
    review = state.reviews[event.payload["version"]]
    request, version = review.request, review.request.version
    notice = ReviewNotice(
        id=event.hash,
        event=event.seq,
        kind=cast(Kind, event.kind),
        time=event.time,
        review=review.id,
        model=version.model,
        version=version.version,
        candidate=version.candidate,
        run=version.run,
        author=request.author,
        actor=event.actor,
        reason=event.payload.get("reason"),
        outcome=request.outcome,
        dossier=request.dossier,
        quorum=request.policy.decision.quorum if request.policy else None,
        expires=review.expires if review.decision is None else None,
        self_approved=event.payload.get("self_approved", False),
        override=event.payload.get("override", False),
        champion=state.champion,
    )
    return keep(settings, notice)

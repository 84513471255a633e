"""Holds the log's decisions against the state that they were taken in, one after the other, for the audit."""

from __future__ import annotations

from collections.abc import Sequence

from podium.digest import digest_json
from podium.errors import ReviewError
from podium.registry.log import Event
from podium.registry.rules import check_champion, faults
from podium.registry.state import ModelState, fold


def departures(events: Sequence[Event], model: str) -> list[str]:
    """Where one model's decisions are not what Podium would have let pass: nothing, unless something else wrote them.

    Args:
        events: The whole log, its chain verified.
        model: The registered model's name.
    """
    state = fold(events, model)
    found = [
        f"{model}: event {event.seq} of the log ({event.kind} by {event.actor}) cannot follow those before it; it"
        " counts for nothing"
        for event in events
        if event.seq in state.unfit
    ]
    for place, event in enumerate(events):
        if event.payload.get("model") != model or event.seq in state.unfit:
            continue
        if event.kind in ("opened", "renewed"):
            found += _policy(event)
        elif event.kind in ("approved", "rolled_back"):
            found += _champion(event, fold(events[:place], model))
    return found + [fault for review in state.reviews.values() for fault in faults(review)]


def strays(events: Sequence[Event], names: Sequence[str]) -> list[str]:
    """Votes and decisions on none of these models, which hold all that were ever asked about."""
    return [
        f"event {event.seq} of the log ({event.kind} by {event.actor}) is about no model that has a review; it counts"
        " for nothing"
        for event in events
        if event.kind in ("voted", "approved", "rejected", "rolled_back") and event.payload.get("model") not in names
    ]


def _policy(event: Event) -> list[str]:
    """As it was written, whatever keys policies have today."""
    request = event.payload["request"]
    policy, digest = request.get("policy"), request.get("policy_digest")
    if policy is None or digest == digest_json(policy):
        return []
    return [f"event {event.seq} of the log ({event.kind}) holds another policy than the one that it is bound to"]


def _champion(event: Event, before: ModelState) -> list[str]:
    """Of the one in office when it was decided."""
    told = event.payload.get("champion_before", before.champion)
    found = []
    if told != before.champion:
        found.append(
            f"decision {event.seq} of the log ({event.kind}) was taken against {_name(told)} as champion, and"
            f" {_name(before.champion)} was in office"
        )
    if event.kind == "approved":
        try:
            check_champion(before.reviews[event.payload["version"]], before.champion)
        except ReviewError as error:
            found.append(f"decision {event.seq} of the log should not have counted: {error.message}")
    return found


def _name(version: int | None) -> str:
    return "none" if version is None else f"version {version}"

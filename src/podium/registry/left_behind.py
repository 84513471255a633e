"""Whether decisions stand in the state folder's log that the log in use does not hold, since it was moved."""

from __future__ import annotations

import shlex

from podium.errors import ReviewError
from podium.registry.log import EventLog
from podium.settings import Settings
from podium.wording import plural


def left_behind(settings: Settings) -> str | None:
    """A warning, or None: there is no other log, it has no events, or all of them are in the one in use.

    A log that cannot be read is no reason to warn: what uses it will say so.
    """
    own, used = settings.own_reviews, EventLog(settings.reviews)
    if settings.reviews == own:
        return None
    try:
        before = EventLog(own).events()
        hashes = {event.hash for event in used.events()} if before else set()
    except ReviewError:
        return None
    missing = [event for event in before if event.hash not in hashes]
    if not missing:
        return None
    found = f"{plural(len(missing), 'event')} of the decision log {own} {'is' if len(missing) == 1 else 'are'} not in"
    remedy = (
        f"take them over with `podium review import {shlex.quote(str(own))}`"
        if not hashes
        else "it has events of its own, so that they cannot be taken over any more; move the file away if that is right"
    )
    return f"{found} {used.place}, which is used now: {remedy}"

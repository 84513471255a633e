"""Whether registry and decision log can be used, and agree with each other."""

from __future__ import annotations

from podium.doctor.finding import Finding, error, ok, skipped, warning
from podium.registry import tracking
from podium.registry.log import EventLog
from podium.registry.state import fold, models
from podium.settings import Settings
from podium.wording import plural


def decisions(settings: Settings) -> Finding:
    """Whether the decision log's chain is whole, and every decision is carried out."""
    events = EventLog(settings.reviews).events()  # raises where the chain is broken
    if not events:
        return skipped("nothing was decided yet")
    names = models(events)
    waiting = [name for name in names if fold(events, name).pending]
    if waiting:
        return warning(
            f"a decision on {', '.join(waiting)} is not carried out yet", "carry it out: `podium review sync`"
        )
    told = f"{plural(len(events), 'event')} in an unbroken chain, {plural(len(names), 'model')}"
    return ok(f"{told}; `podium review audit` checks all")


def registry(settings: Settings) -> Finding:
    """Whether MLflow answers."""
    if not tracking.exists(settings):
        return skipped("no registry yet: the first run makes it")
    try:
        count = len(tracking.client(settings).search_registered_models(max_results=100))
    except Exception as failed:  # noqa: BLE001 - whatever MLflow raises is the answer
        cause = (str(failed).splitlines() or [type(failed).__name__])[0]
        return error(f"MLflow does not answer: {cause}", "look at PODIUM_TRACKING_URI and its server")
    return ok(f"MLflow answers, {plural(count, 'registered model')}")

"""The test ledger: how often a test split was opened for a decision; its entries are events of the decision log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from podium.config import Frozen
from podium.registry.log import Event, EventLog
from podium.registry.provenance import current_user
from podium.settings import Settings

TESTED: Final = "tested"
"""Kind of the events. They belong to test images, and to a model only by the way."""


class Use(Frozen):
    """One decision on a test split."""

    use: int | None
    """Its number, from 1; null where nothing is decided, since the winner is the champion itself."""
    uses: int
    """Decisions so far, this one included."""
    duel: int | None = None
    """Its number among those that compare with a champion, from 1; null without a champion."""


def record_use(
    settings: Settings, *, model: str, test: str, challenger: str, champion: str | None, actor: str | None = None
) -> Use:
    """Enter a decision in the ledger, unless this very one was made before: then it keeps its number.

    The same weights beside the same champion's on the same test images are the same decision, on whatever day.

    It is entered before the figures are looked at: who stops the run then has used the split nevertheless.

    Args:
        settings: Where the log is.
        model: The registered model that the decision is about. Uses count for all models together.
        test: Digest of the test images and labels (``podium.data.content.split_digest``).
        challenger: SHA-256 of its weights.
        champion: Likewise; None if there is none.
        actor: Who opens the split; the current user by default.

    Raises:
        ReviewError: The log cannot be written.
    """
    with EventLog(settings.reviews).writing() as log:
        decisions = _decisions(log.events(), test)
        this = challenger, champion
        if this not in decisions:
            payload = {"model": model, "test": test, "challenger": challenger, "champion": champion}
            log.append(TESTED, actor or current_user(), payload)
            decisions.append(this)
    duels = [decision for decision in decisions if decision[1] is not None]
    return Use(
        use=decisions.index(this) + 1, uses=len(decisions), duel=duels.index(this) + 1 if champion is not None else None
    )


def no_use(settings: Settings, *, test: str) -> Use:
    """What is known of a test split that is opened for no decision."""
    return Use(use=None, uses=len(_decisions(EventLog(settings.reviews).events(), test)))


def _decisions(events: Sequence[Event], test: str) -> list[tuple[str, str | None]]:
    """Challenger and champion of each."""
    entries = (event.payload for event in events if event.kind == TESTED)
    return [(entry["challenger"], entry["champion"]) for entry in entries if entry["test"] == test]

"""What has to hold after any kill, and what has to hold once the next process has looked after it."""

from __future__ import annotations

from typing import Any

from podium.errors import PodiumError
from podium.registry import versions
from podium.registry.log import Event, EventLog
from podium.registry.reviews import discrepancies
from podium.registry.rules import faults
from podium.registry.state import ModelState, fold
from podium.registry.sync import wanted_aliases
from tests.kills.operations import MODEL
from tests.registry.support import House


def state_of(house: House) -> ModelState:
    return fold(EventLog(house.settings.reviews).events(), MODEL)


def broken(house: House, *, tampered: bool) -> list[str]:
    """Faults that not even a moment may show.

    Args:
        house: Where to look.
        tampered: Whether somebody moved the champion behind the log's back, and nothing restored it yet.
    """
    log = EventLog(house.settings.reviews)
    try:
        log.verify()
    except PodiumError as error:
        return [f"the chain: {error.message}"]
    events = log.events()
    state = fold(events, MODEL)
    found = [fault for review in state.reviews.values() for fault in faults(review)]
    entries = house.client.search_model_versions(f"name = '{MODEL}'")
    numbers = sorted(int(entry.version) for entry in entries)
    # A search does not tell of aliases.
    holders = [n for n in numbers if versions.CHAMPION in house.client.get_model_version(MODEL, str(n)).aliases]
    if len(holders) > 1:
        found.append(f"two champions: {holders}")
    champion = next(iter(holders), None)
    if not tampered and champion not in _decided(events, state):
        found.append(f"version {champion} is promoted, which the decisions {state.champions} do not say")
    submissions = [entry.tags[versions.SUBMISSION_TAG] for entry in entries]
    if len(submissions) != len(set(submissions)) or numbers != list(range(1, len(numbers) + 1)):
        found.append(f"versions are doubled or lost: {numbers}")
    if missing := sorted(set(state.reviews) - set(numbers)):
        found.append(f"reviews of versions that there are not: {missing}")
    hashes = {event.hash for event in events} | {""}
    found += [
        f"version {e.version} bears an unknown decision"
        for e in entries
        if e.tags.get(versions.DECISION_TAG, "") not in hashes
    ]
    return found


def _decided(events: tuple[Event, ...], state: ModelState) -> set[int | None]:
    """Who may be champion: as the decisions say, or those before a decision that is not carried out yet."""
    firsts = [len(events), *(number for number, event in enumerate(events) if event.seq in state.pending)]
    return {fold(events[:end], MODEL).champion for end in (*firsts, *(number + 1 for number in firsts[1:]))}


def unsettled(house: House) -> list[str]:
    """Where the registry is not as the decisions say, after a recovery."""
    state = state_of(house)
    aliases = versions.aliases(house.client, MODEL)
    return [*discrepancies(state, aliases)] + [
        f"{alias} is version {aliases.get(alias)}, not {version}"
        for alias, version in wanted_aliases(state, aliases).items()
        if aliases.get(alias) != version
    ]


def look(house: House) -> dict[str, Any]:
    """What the next operation is drawn from."""
    state = state_of(house)
    entries = house.client.search_model_versions(f"name = '{MODEL}'")
    return {"state": state.model_dump(mode="json"), "registered": len(entries)}

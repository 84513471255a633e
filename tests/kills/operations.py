"""What people and pipelines do with a registry, one thing at a time, each in a process of its own."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from podium.config.promotion_file import load_policy, policy_digest
from podium.registry import carrying, dossiers, promotion, reviews, tracking, versions
from podium.registry.audit import repair
from podium.registry.log import EventLog
from podium.registry.state import ModelState, Review, fold
from podium.registry.sync import sync
from podium.settings import Settings
from tests.registry.dossiers import papers
from tests.registry.support import AUTHOR, House

MODEL: Final = "podium"
VERSIONS: Final = 4
"""Of one house; each of them makes an audit longer."""
PEOPLE: Final = tuple(f"user{number}@lab" for number in range(8))
QUORUM: Final = 3

_WEIGHTS: Final = {"register": 2, "open": 1, "reject": 1, "sync": 2, "repair": 2, "renew": 3, "roll back": 8}
"""4 for others, which are possible less often."""


class Operation(NamedTuple):
    """Something that one process does."""

    kind: str
    version: int
    """What it is about; for ``sync`` and ``repair``: what somebody made the champion behind the log's back."""
    who: str

    @property
    def review(self) -> str:
        return f"{MODEL}-{self.version}"


def enter(settings: Settings) -> House:
    """The house, with this process's own connections."""
    return House(settings, tracking.client(settings), settings.root)


def perform(house: House, operation: Operation) -> None:
    """Raises PodiumError where it is refused."""
    decider: promotion.Decider = {"reason": "good", "actor": operation.who, "client": house.client}
    if operation.kind == "register":
        house.register(operation.version)
    elif operation.kind in ("open", "renew"):
        _open(house, operation.version)
    elif operation.kind in ("vote", "approve"):
        promotion.approve(house.settings, operation.review, **decider)
    elif operation.kind == "carry":
        promotion.approve(house.settings, operation.review, carrier=_carrier(house), **decider)
    elif operation.kind == "reject":
        promotion.reject(house.settings, operation.review, **decider)
    elif operation.kind == "roll back":
        promotion.rollback(house.settings, MODEL, **decider)
    elif operation.kind == "sync":
        sync(house.settings, actor=operation.who, client=house.client)
    else:
        repair(house.settings, actor=operation.who, client=house.client)


def _open(house: House, number: int) -> None:
    """As a run does: the version is found, and compared with the champion in office."""
    version = house.register(number)
    champion = fold(EventLog(house.settings.reviews).events(), MODEL).champion
    beside = None if champion is None else "c" * 64
    policy = load_policy(house.settings.root)
    bound = {"lock": beside or "d" * 64, "policy": policy_digest(policy)}
    digest = dossiers.store(house.client, version, papers(version, **bound))
    reviews.open_review(
        house.settings, version, author=AUTHOR, policy=policy, outcome="promote-eligible", dossier=digest,
        against=champion,
    )  # fmt: skip


def _carrier(house: House) -> carrying.Carrier:
    """What ``pipelines/promotion.py`` does, without ZenML."""

    def carry(review: Review, decision: int) -> bool:
        done = carrying.verify_decision(house.settings, house.client, decision)
        done = carrying.move_alias(house.settings, house.client, done)
        carrying.record_applied(house.settings, done, run="promotion-1")
        return True

    return carry


def tamper(house: House, operation: Operation) -> None:
    """For what restores: make a version the champion that nobody promoted."""
    if operation.kind in ("sync", "repair") and operation.version:
        house.client.set_registered_model_alias(MODEL, versions.CHAMPION, str(operation.version))


def crowd(state: ModelState, registered: int, rng: Random) -> list[Operation]:
    """What eight people do at the same moment, most of them on reviews; nothing where none can be decided on."""
    open_ones = [review.version for review in state.reviews.values() if _decidable(review, state)]
    if not open_ones:
        return []
    kinds = ("approve",) * 7 + ("carry",) * 4 + ("reject",)
    found = [Operation(rng.choice(kinds), rng.choice(open_ones), name) for name in PEOPLE]
    other = possible(state, registered, rng) if rng.random() < 0.5 else None
    return [other, *found[1:]] if other else found


def possible(state: ModelState, registered: int, rng: Random) -> Operation | None:
    """Something that would not be refused, if there is. Kinds are drawn first, so that rare ones come about, too."""
    choices = []
    if registered < VERSIONS:
        choices.append(Operation("register", registered + 1, AUTHOR))
    if len(state.reviews) < registered:
        choices.append(Operation("open", len(state.reviews) + 1, AUTHOR))
    for review in state.reviews.values():
        if review.decision is None and not _decidable(review, state):
            choices.append(Operation("renew", review.version, AUTHOR))
        elif review.decision is None:
            voted = {vote.actor for vote in review.votes}
            who = rng.choice([name for name in PEOPLE if name not in voted])
            kinds = ("approve", "carry") if len(voted) == QUORUM - 1 else ("vote", "vote")
            choices += [Operation(kind, review.version, who) for kind in (*kinds, "reject")]
    if len(state.champions) > 1:
        choices.append(Operation("roll back", state.champions[-2], rng.choice(PEOPLE)))
    if state.reviews and rng.random() < 0.5:
        wrong = rng.randint(1, registered)
        choices += [Operation(kind, wrong, "ops") for kind in ("sync", "repair")]
    if not choices:
        return None
    drawable = sorted({operation.kind for operation in choices})
    (kind,) = rng.choices(drawable, [_WEIGHTS.get(kind, 4) for kind in drawable])
    return rng.choice([operation for operation in choices if operation.kind == kind])


def _decidable(review: Review, state: ModelState) -> bool:
    return review.decision is None and review.request.against == state.champion

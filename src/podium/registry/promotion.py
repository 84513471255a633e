"""Decisions: approve, reject, roll back. Each is recorded first, then carried out; nothing is promoted otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack

from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import load_policy
from podium.errors import NoSuchReview, RegistryError, ReviewError
from podium.registry import tracking
from podium.registry.carrying import Carrier
from podium.registry.finishing import Later, Outcome, Recorded
from podium.registry.integrity import verify_request
from podium.registry.log import EventLog
from podium.registry.provenance import current_user
from podium.registry.reviews import find
from podium.registry.rules import (
    check_approval,
    check_champion,
    check_rejection,
    check_reviewer,
    policy_of,
    still_needed,
)
from podium.registry.state import ModelState, Review, fold
from podium.registry.sync import Mirror, carry_out
from podium.registry.votes import Via, parse_review_id
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)


class Decider(TypedDict, total=False):
    """The keyword arguments that all decisions share."""

    reason: Required[str]
    actor: str | None
    """Who decides; the current user unless given."""
    mirror: Mirror | None
    """ZenML's, if the run had one."""
    client: MlflowClient | None
    """An existing one."""
    carrier: Carrier | None
    """Who carries a promotion out; it is done here where there is none, or it leaves it."""
    later: Later | None
    """Who finishes the decision once it is recorded; the caller does not wait for it then."""
    via: Via
    """How it is known who decides: ``desk`` for a person who has logged in; by default a command was told the name."""
    seen: int | None
    """``Review.event`` of what the reviewer was shown: a review that was renewed meanwhile is not decided."""


def approve(settings: Settings, review_id: str, *, override: bool = False, **decider: Unpack[Decider]) -> Outcome:
    """Approve a version, after comparing its artifacts with what was reviewed; the quorum's last vote promotes.

    Args:
        settings: Where registry, log and policy are.
        review_id: Such as ``podium-3``.
        override: Say that a candidate is approved although the gate blocks it.
        decider: Who decides, why, and through what.

    Raises:
        ReviewError: No reason, no such review, the policy does not allow it
            (:func:`podium.registry.rules.check_approval`), or something changed since the review was opened.
        RegistryError: The version is gone, or the mirror failed (the decision stands).
        ConfigError: The policy's file is refused.
    """
    in_force, seen = load_policy(settings.root), decider.get("seen")

    def event(state: ModelState, who: str, now: datetime) -> tuple[str, dict[str, Any]]:
        review = find(state, parse_review_id(review_id)[1])
        check_approval(review, who, override=override, seen=seen, in_force=in_force, now=now)
        check_champion(review, state.champion)
        rules = policy_of(review.request, in_force)
        promotes = still_needed(review, in_force) == 1
        own = rules.same(who, review.request.author)
        payload = _bound(review) | {
            "code": review.request.version.code.model_dump(),
            "quorum": rules.quorum,
            "self_approved": own or (promotes and any(vote.self_approved for vote in review.votes)),
            "override": override,
        }
        if not promotes:
            return "voted", payload
        votes = [vote.event for vote in review.votes]
        return "approved", payload | {"votes": votes, "champion_before": state.champion}

    return _decide(settings, review_id, event, in_force, verify=True, **decider)


def reject(settings: Settings, review_id: str, **decider: Unpack[Decider]) -> Outcome:
    """Turn a version down: it stays in the registry and is no challenger any more. Arguments and errors as above."""
    in_force, seen = load_policy(settings.root), decider.get("seen")

    def event(state: ModelState, who: str, now: datetime) -> tuple[str, dict[str, Any]]:
        review = find(state, parse_review_id(review_id)[1])
        check_rejection(review, who, seen=seen, in_force=in_force)
        return "rejected", _bound(review)

    return _decide(settings, review_id, event, in_force, verify=False, **decider)


def rollback(
    settings: Settings,
    model: str,
    *,
    to: int | None = None,
    seen_champion: int | None = None,
    **decider: Unpack[Decider],
) -> Outcome:
    """Make the previous champion, or version ``to``, the champion again; it needs an approval on record.

    One reviewer may do it: it has to be quick, and what it restores was approved by a quorum. ``seen_champion`` is the
    champion that they know of: if another came into office meanwhile, nothing is rolled back.

    Raises:
        ReviewError: No earlier champion, ``to`` was never approved or is champion now, its artifacts changed, or the
            policy names other reviewers.
        RegistryError: As for :func:`approve`.
        ConfigError: The policy's file is refused.
    """
    in_force = load_policy(settings.root)
    target = rollback_target(fold(EventLog(settings.reviews).events(), model), to)

    def event(state: ModelState, who: str, now: datetime) -> tuple[str, dict[str, Any]]:
        if rollback_target(state, to) != target or seen_champion not in (None, state.champion):
            raise ReviewError(f"{model}: the champion has just changed", remedy="look at `podium review list` again")
        check_reviewer(in_force.decision, who, model)
        return "rolled_back", {"champion_before": state.champion}

    return _decide(settings, f"{model}-{target}", event, in_force, verify=True, **decider)


def rollback_target(state: ModelState, to: int | None) -> int:
    """The version that a rollback would promote. Raises ReviewError if there is none."""
    if state.champion is None:
        raise ReviewError(f"{state.model} has no champion to roll back", remedy="approve a version first")
    if to is None:
        if len(state.champions) < 2:
            raise ReviewError(
                f"{state.model}: version {state.champion} is the first champion, there is none before it",
                remedy="name an approved version with --to, or approve another one",
            )
        return state.champions[-2]
    if to == state.champion:
        raise ReviewError(f"{state.model}: version {to} is the champion", remedy="name an earlier version")
    if to not in state.approved:
        known = ", ".join(str(v) for v in sorted(state.approved - {state.champion})) or "none"
        raise NoSuchReview(
            f"{state.model}: version {to} has no approval on record", remedy=f"choose an approved version: {known}"
        )
    return to


def _decide(
    settings: Settings,
    review_id: str,
    event: Callable[[ModelState, str, datetime], tuple[str, Mapping[str, Any]]],
    in_force: PromotionPolicy,
    *,
    verify: bool,
    **decider: Unpack[Decider],
) -> Outcome:
    """Record a vote or a decision, and carry the latter out. ``event`` checks the state and gives what to record."""
    reason, mirror, later = decider["reason"], decider.get("mirror"), decider.get("later")
    if not reason.strip():
        raise ReviewError("a decision needs a reason", remedy='say why: --reason "…"')
    model, version = parse_review_id(review_id)
    who = (decider.get("actor") or "").strip() or current_user()
    log = EventLog(settings.reviews)
    review = find(fold(log.verified(), model), version)
    mlflow, carrier = decider.get("client") or tracking.client(settings), decider.get("carrier")
    made: Recorded | None = None
    try:
        with tracking.registry_lock(settings):
            before = fold(log.events(), model) if later else _finish_pending(settings, mlflow, log, model, who, mirror)
            event(before, who, datetime.now(UTC))  # refuse what cannot be decided before the artifacts are fetched
            if verify:
                verify_request(settings, mlflow, review.request)
            with log.writing() as writer:
                kind, payload = event(fold(writer.verified(), model), who, writer.time)
                how = {"via": decider.get("via", "terminal"), "process": current_user()}
                said = {"model": model, "version": version, "reason": reason.strip(), **how}
                writer.append(kind, who, {**said, **payload})
                events = writer.events()
            made = Recorded(settings, mlflow, review, events, before.champion, who, in_force, mirror, carrier)
            if later is None and carrier is None:
                made.carry_out_here(verified=version if verify else None)
        if later is not None:
            made.keep_notice()
            later(made)
            return made.outcome()
        if carrier is not None:
            made.carry_out()
    finally:  # a decision that could not be mirrored stands, too
        warnings = made.tell() if made and later is None else ()
    return made.outcome(warnings)


def _bound(review: Review) -> dict[str, Any]:
    """What a vote or a decision is about, for its event."""
    request = review.request
    told = {"request": review.event, "policy": request.policy_digest, "outcome": request.outcome}
    return {"digests": request.version.digests.model_dump(), **told, "dossier": request.dossier}


def _finish_pending(
    settings: Settings, client: MlflowClient, log: EventLog, model: str, actor: str, mirror: Mirror | None
) -> ModelState:
    """Carry out decisions that a crash left recorded only.

    Neither a mirror out of reach nor a version that was changed since stops the next decision, such as a rollback.
    """
    state = fold(log.events(), model)
    if state.pending:
        try:
            carry_out(settings, client, log, model, actor=actor, mirror=mirror)
        except (RegistryError, ReviewError) as error:
            _log.warning("an earlier decision could not be carried out: %s", error)
    return state

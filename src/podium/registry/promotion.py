"""Decisions: approve, reject, roll back. Each is recorded first, then carried out; nothing is promoted otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack

from podium.config import Frozen
from podium.errors import NoSuchReview, RegistryError, ReviewError
from podium.registry import tracking
from podium.registry.integrity import verify_version
from podium.registry.log import EventLog
from podium.registry.provenance import current_user
from podium.registry.reviews import find
from podium.registry.state import ModelState, Review, fold, parse_review_id
from podium.registry.sync import Mirror, carry_out
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


class Outcome(Frozen):
    """What a decision did."""

    review: Review
    champion: int | None
    """The promoted version now."""
    previous: int | None
    """The promoted version before."""
    changes: tuple[str, ...]


def approve(settings: Settings, review_id: str, **decider: Unpack[Decider]) -> Outcome:
    """Promote a reviewed version to champion, after comparing its artifacts with what was reviewed.

    Args:
        settings: Where registry and log are.
        review_id: Such as ``podium-3``.
        decider: Who decides, why, and through what.

    Raises:
        ReviewError: No reason, no such review, already decided, or something changed since it was opened.
        RegistryError: The version is gone, or the mirror failed (the decision stands).
    """

    def event(state: ModelState, who: str) -> tuple[str, dict[str, Any]]:
        review = _undecided(state, review_id)
        return "approved", {
            "digests": review.request.version.digests.model_dump(),
            "code": review.request.version.code.model_dump(),
            "self_approved": who == review.request.author,
            "champion_before": state.champion,
        }

    return _decide(settings, review_id, event, verify=True, **decider)


def reject(settings: Settings, review_id: str, **decider: Unpack[Decider]) -> Outcome:
    """Turn a version down: it stays in the registry and is no challenger any more. Arguments and errors as above."""

    def event(state: ModelState, who: str) -> tuple[str, dict[str, Any]]:
        review = _undecided(state, review_id)
        return "rejected", {"digests": review.request.version.digests.model_dump()}

    return _decide(settings, review_id, event, verify=False, **decider)


def rollback(settings: Settings, model: str, *, to: int | None = None, **decider: Unpack[Decider]) -> Outcome:
    """Make the previous champion, or version ``to``, the champion again; it needs an approval on record.

    Raises:
        ReviewError: No earlier champion, ``to`` was never approved or is champion now, or its artifacts changed.
        RegistryError: As for :func:`approve`.
    """
    target = rollback_target(fold(EventLog(settings.reviews).events(), model), to)

    def event(state: ModelState, who: str) -> tuple[str, dict[str, Any]]:
        if rollback_target(state, to) != target:
            raise ReviewError(f"{model}: the champion has just changed", remedy="look at `podium review list` again")
        return "rolled_back", {"champion_before": state.champion}

    return _decide(settings, f"{model}-{target}", event, verify=True, **decider)


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
    event: Callable[[ModelState, str], tuple[str, Mapping[str, Any]]],
    *,
    verify: bool,
    **decider: Unpack[Decider],
) -> Outcome:
    """Record a decision and carry it out. ``event`` checks the state and gives kind and payload, or raises."""
    reason, mirror, client = decider["reason"], decider.get("mirror"), decider.get("client")
    if not reason.strip():
        raise ReviewError("a decision needs a reason", remedy='say why: --reason "…"')
    model, version = parse_review_id(review_id)
    who = decider.get("actor") or current_user()
    log = EventLog(settings.reviews)
    review = find(fold(log.events(), model), version)
    mlflow = client or tracking.client(settings)
    with tracking.registry_lock(settings):
        before = _finish_pending(mlflow, log, model, who, mirror)
        event(before, who)  # refuse what cannot be decided before the artifacts are fetched
        if verify:
            verify_version(settings, mlflow, review.request.version)
        with log.writing() as writer:
            kind, payload = event(fold(writer.events(), model), who)
            writer.append(kind, who, {"model": model, "version": version, "reason": reason.strip(), **payload})
        changes = carry_out(mlflow, log, model, actor=who, mirror=mirror)
        after = fold(log.events(), model)
    return Outcome(
        review=after.reviews[version], champion=after.champion, previous=before.champion, changes=tuple(changes)
    )


def _finish_pending(client: MlflowClient, log: EventLog, model: str, actor: str, mirror: Mirror | None) -> ModelState:
    """Carry out decisions that a crash left recorded only; a mirror out of reach does not stop the next decision."""
    state = fold(log.events(), model)
    if state.pending:
        try:
            carry_out(client, log, model, actor=actor, mirror=mirror)
        except RegistryError as error:
            _log.warning("an earlier decision could not be mirrored: %s", error)
    return state


def _undecided(state: ModelState, review_id: str) -> Review:
    review = find(state, parse_review_id(review_id)[1])
    if review.decision is not None:
        done = review.decision
        raise ReviewError(
            f"{review_id} is already decided: {done.verdict} by {done.actor} on {done.time:%Y-%m-%d %H:%M} UTC"
            f" ({done.reason})",
            remedy="`podium review rollback` changes the champion; a new run opens a new review",
        )
    return review

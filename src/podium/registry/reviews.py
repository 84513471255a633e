"""Opens reviews and shows them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from podium.config import Frozen
from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import load_policy, policy_digest
from podium.errors import NoSuchReview, ReviewError
from podium.gate.verdict import Outcome
from podium.registry import tracking, versions
from podium.registry.log import Event, EventLog
from podium.registry.notices import tell
from podium.registry.provenance import current_user
from podium.registry.request import RegisteredVersion, Request, ZenmlReference
from podium.registry.rules import unreachable
from podium.registry.state import ModelState, Review, fold, models
from podium.registry.votes import parse_review_id
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)


class Overview(Frozen):
    """One model's reviews, newest first, and where its registry departs from the log."""

    model: str
    champion: int | None
    """What the log says."""
    reviews: tuple[Review, ...]
    findings: tuple[str, ...]
    """Unexplained aliases and decisions that were not carried out; empty if all is well."""
    pending: tuple[int, ...] = ()
    """Events of decisions that were not carried out, those under way included."""


def open_review(
    settings: Settings,
    version: RegisteredVersion,
    *,
    author: str | None = None,
    report: Path | None = None,
    zenml: ZenmlReference | None = None,
    policy: PromotionPolicy | None = None,
    outcome: Outcome | None = None,
    dossier: str | None = None,
    against: int | None = None,
) -> Review:
    """Ask for a decision on a registered version. Asking the same twice gives the same review.

    An undecided review that has expired, or whose policy, outcome or dossier are others now, is renewed: its votes
    are void, and its days begin anew. Its author stays.

    Args:
        settings: Where the log is.
        version: What :func:`podium.registry.register.register` returned.
        author: Who ran the pipeline; the current user by default.
        report: The report's path.
        zenml: Where ZenML mirrors the version.
        policy: What the gate judged by, and what the decision will follow; the one in force by default.
        outcome: The gate's; that of the request before by default, if there is one.
        dossier: SHA-256 of the dossier; as ``outcome``.
        against: The champion's version that the dossier compares with.

    Raises:
        ConfigError: The policy's file is refused.
        ReviewError: The version has a review that is bound to other digests.
    """
    bound = version.model_copy(update={"standing": "unreviewed", "created": False})
    rules = policy or load_policy(settings.root)
    who = author or current_user()
    request = Request(
        version=bound,
        author=who,
        report=str(report.absolute()) if report else None,
        zenml=zenml,
        policy=rules,
        policy_digest=policy_digest(rules),
        outcome=outcome,
        dossier=dossier,
        against=against,
    )
    recorded: tuple[Event, ...] = ()
    with EventLog(settings.reviews).writing() as log:
        existing = fold(log.events(), version.model).reviews.get(version.version)
        if existing is not None and existing.request.version.digests != version.digests:
            raise ReviewError(
                f"{existing.id}: its review is bound to other digests than version {version.version} has now",
                remedy="run `podium review audit`: the version's tags were changed after it was registered",
            )
        if existing is not None:
            request = _again(existing.request, request)
        if existing is None or (existing.decision is None and _stale(existing, request, log.time)):
            kind = "opened" if existing is None else "renewed"
            payload = {"model": version.model, "version": version.version, "request": request.model_dump(mode="json")}
            log.append(kind, who, payload)
            recorded = log.events()
            existing = fold(recorded, version.model).reviews[version.version]
    if recorded:
        if why := unreachable(existing.request):
            _log.warning("%s cannot be approved: %s", existing.id, why)
        tell(settings, recorded)
    return existing


def _again(before: Request, request: Request) -> Request:
    """The same request once more: its author is who first ran it, and what is not told now stays as it was."""
    kept: dict[str, object] = {"author": before.author, "outcome": request.outcome or before.outcome}
    if request.dossier is None:
        kept |= {"dossier": before.dossier, "against": before.against}
    return request.model_copy(update=kept)


def _stale(review: Review, request: Request, now: datetime) -> bool:
    """Whether a review has to be renewed to be decided."""
    bound = [(r.policy_digest, r.outcome, r.dossier, r.against) for r in (review.request, request)]
    return review.expired(now) or bound[0] != bound[1]


def overviews(
    settings: Settings, *, client: MlflowClient | None = None, under_way: Collection[int] = ()
) -> tuple[Overview, ...]:
    """All models that the log or the registry knows; decisions that are ``under_way`` (events) are no finding."""
    events = EventLog(settings.reviews).events()
    names = list(models(events))
    if not tracking.exists(settings):
        return tuple(_overview(fold(events, name), {}, under_way) for name in names)
    mlflow = client or tracking.client(settings)
    names += [name for name in versions.model_names(mlflow) if name not in names]
    return tuple(_overview(fold(events, name), versions.aliases(mlflow, name), under_way) for name in names)


def logged_reviews(settings: Settings) -> tuple[Review, ...]:
    """All reviews in the log, newest first, decided ones included; asks no registry."""
    events = EventLog(settings.reviews).events()
    found = (review for name in models(events) for review in fold(events, name).reviews.values())
    return tuple(sorted(found, key=lambda review: review.opened, reverse=True))


def show(settings: Settings, review_id: str) -> Review:
    """One review. Raises NoSuchReview if there is none with this id."""
    model, version = parse_review_id(review_id)
    return find(fold(EventLog(settings.reviews).events(), model), version)


def champion_review(settings: Settings, model: str) -> Review | None:
    """The review of the promoted version, for the comparison side by side."""
    state = fold(EventLog(settings.reviews).events(), model)
    return state.reviews[state.champion] if state.champion is not None else None


def find(state: ModelState, version: int) -> Review:
    """A model's review of one version. Raises NoSuchReview naming those that there are."""
    try:
        return state.reviews[version]
    except KeyError:
        known = ", ".join(review.id for review in state.reviews.values()) or "none yet"
        raise NoSuchReview(
            f"there is no review {state.model}-{version}",
            remedy=f"choose one of: {known}; a run of the pipeline opens them",
        ) from None


def _overview(state: ModelState, aliases: dict[str, int], under_way: Collection[int]) -> Overview:
    return Overview(
        model=state.model,
        champion=state.champion,
        reviews=tuple(reversed(state.reviews.values())),
        findings=tuple(discrepancies(state, aliases, under_way)),
        pending=state.pending,
    )


def discrepancies(state: ModelState, aliases: dict[str, int], under_way: Collection[int] = ()) -> Sequence[str]:
    """Sentences on where the registry's aliases are not what the log's decisions made them, nor are being made."""
    found = []
    if left := [seq for seq in state.pending if seq not in under_way]:
        numbers = ", ".join(str(seq) for seq in left)
        which = f"decision {numbers} of the log was" if len(left) == 1 else f"decisions {numbers} of the log were"
        found.append(f"{state.model}: {which} not carried out completely: `podium review sync`")
    alias = aliases.get(versions.CHAMPION)
    if alias != state.champion and not state.pending:
        actual = f"version {alias}" if alias is not None else "no version"
        wanted = f"version {state.champion}" if state.champion is not None else "none"
        found.append(
            f"{state.model}: unexplained champion: the registry promotes {actual}, the decision log {wanted};"
            " `podium review sync` restores the log's"
        )
    return found

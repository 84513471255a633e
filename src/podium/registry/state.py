"""The state of all reviews, computed from the events of the log: the only authority on what is promoted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from podium.config import Frozen
from podium.errors import ReviewError
from podium.registry.log import Event
from podium.registry.request import Request, Standing
from podium.registry.votes import Decision, Vote, review_id


class Review(Frozen):
    """A request with the votes on it, and its decision, if there is one."""

    id: str
    opened: datetime
    request: Request
    decision: Decision | None = None
    standing: Standing = "open"
    renewed: datetime | None = None
    """When the request was last replaced."""
    event: int = 0
    """The log's event that holds the request."""
    votes: tuple[Vote, ...] = ()
    """Approvals of the request, the deciding one included."""

    @property
    def version(self) -> int:
        """The model version's number."""
        return self.request.version.version

    @property
    def expires(self) -> datetime | None:
        """When the request can no longer be approved; null: never."""
        days = self.request.policy.decision.expires_days if self.request.policy else None
        return (self.renewed or self.opened) + timedelta(days=days) if days is not None else None

    def expired(self, now: datetime) -> bool:
        """Whether it awaits a decision, and can no longer be approved."""
        return self.decision is None and self.expires is not None and now >= self.expires

    def waiting(self, now: datetime) -> bool:
        """Whether it awaits a decision that can still be an approval."""
        return self.decision is None and not self.expired(now)


class ModelState(Frozen):
    """All reviews of one model, and who is champion."""

    model: str
    reviews: dict[int, Review]
    """By version."""
    champions: tuple[int, ...]
    """Versions that became champion, oldest first, without those that were rolled back; the last is the champion."""
    approved: frozenset[int]
    pending: tuple[int, ...]
    """Events of decisions that were not carried out completely (a crash, or ZenML out of reach)."""
    unfit: tuple[int, ...] = ()
    """Events that cannot follow those before them: on a version that was never asked about, on a decided one, or a
    rollback to one that was never approved. They count for nothing; Podium writes none."""

    @property
    def champion(self) -> int | None:
        """The version that the log says is promoted."""
        return self.champions[-1] if self.champions else None

    def standing(self, version: int) -> Standing:
        """What the log says about a version."""
        review = self.reviews.get(version)
        return review.standing if review else "unreviewed"

    def newest_open(self) -> int | None:
        """The newest version that awaits a decision."""
        return max((v for v, review in self.reviews.items() if review.decision is None), default=None)


def models(events: Sequence[Event]) -> tuple[str, ...]:
    """Names of all models that have a review."""
    return tuple(dict.fromkeys(str(event.payload.get("model")) for event in events if event.kind == "opened"))


def fold(events: Sequence[Event], model: str) -> ModelState:
    """Compute one model's state from the log."""
    reviews: dict[int, Review] = {}
    champions: list[int] = []
    pending: list[int] = []
    unfit: list[int] = []
    for event in (e for e in events if e.payload.get("model") == model):
        payload, version = event.payload, event.payload.get("version", 0)
        if not _fits(event, reviews.get(version)):
            unfit.append(event.seq)
            continue
        if event.kind in ("opened", "renewed"):
            reviews[version] = _asked(event, reviews.get(version))
        elif event.kind == "voted":
            reviews[version] = _voted(event, reviews[version])
        elif event.kind in ("approved", "rejected"):
            reviews[version] = _decided(event, reviews[version])
            if event.kind == "approved":
                champions.append(version)
        elif event.kind == "rolled_back":
            champions = champions[: champions.index(version)] if version in champions else champions
            champions.append(version)
        elif event.kind == "applied":
            pending = [seq for seq in pending if seq > payload.get("decision", 0)]
        if event.kind in ("approved", "rejected", "rolled_back"):
            pending.append(event.seq)
    approved = {v for v, review in reviews.items() if review.decision and review.decision.verdict == "approved"}
    return ModelState(
        model=model,
        reviews={v: _with_standing(review, champions) for v, review in sorted(reviews.items())},
        champions=tuple(champions),
        approved=frozenset(approved),
        pending=tuple(pending),
        unfit=tuple(unfit),
    )


def _fits(event: Event, review: Review | None) -> bool:
    """Whether an event can follow those before it, which made the review what it is."""
    if event.kind in ("voted", "approved", "rejected"):
        return review is not None and review.decision is None
    if event.kind == "rolled_back":
        return review is not None and review.decision is not None and review.decision.verdict == "approved"
    return True


def _asked(event: Event, before: Review | None) -> Review:
    """A review as it is opened, or renewed: earlier votes were on another request."""
    try:
        request = Request.model_validate(event.payload.get("request"))
    except ValidationError as error:
        first = error.errors()[0]
        raise ReviewError(
            f"event {event.seq} of the decision log is of another schema:"
            f" {'.'.join(map(str, first['loc']))}: {first['msg']}",
            remedy="use the version of Podium that wrote it, or start with another PODIUM_STATE",
        ) from None
    version = request.version
    return Review(
        id=review_id(version.model, version.version),
        opened=before.opened if before else event.time,
        request=request,
        renewed=event.time if before else None,
        event=event.seq,
    )


def _voted(event: Event, review: Review) -> Review:
    earlier = any(vote.self_approved for vote in review.votes)  # a decision's mark is of all its votes
    vote = Vote(
        event=event.seq,
        time=event.time,
        actor=event.actor,
        reason=event.payload.get("reason", ""),
        via=event.payload.get("via"),
        process=event.payload.get("process"),
        self_approved=event.payload.get("self_approved", False) and not earlier,
        override=event.payload.get("override", False),
    )
    return review.model_copy(update={"votes": (*review.votes, vote)})


def _decided(event: Event, review: Review) -> Review:
    decision = Decision(
        event=event.seq,
        verdict="approved" if event.kind == "approved" else "rejected",
        time=event.time,
        actor=event.actor,
        reason=event.payload.get("reason", ""),
        via=event.payload.get("via"),
        process=event.payload.get("process"),
        self_approved=event.payload.get("self_approved", False),
        override=event.payload.get("override", False),
    )
    return (_voted(event, review) if event.kind == "approved" else review).model_copy(update={"decision": decision})


def _with_standing(review: Review, champions: Sequence[int]) -> Review:
    standing: Standing = "open"
    if review.decision is not None and review.decision.verdict == "rejected":
        standing = "rejected"
    elif review.decision is not None:
        standing = "champion" if champions[-1] == review.version else "retired"
    return review.model_copy(update={"standing": standing})

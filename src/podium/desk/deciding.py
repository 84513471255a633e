"""Decisions: a form, a page that says what will happen, and its confirmation."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter
from starlette.responses import Response

from podium.config.promotion_file import load_policy
from podium.desk.addresses import review_address
from podium.desk.pages import page, redirect
from podium.desk.present import ReviewView
from podium.desk.reading import load, review_page
from podium.desk.refusals import Refused, require, status_of
from podium.desk.visitor import SomebodyWithForm, Visitor
from podium.errors import PodiumError, ReviewError
from podium.registry import promotion, reviews
from podium.registry.rules import policy_of

router = APIRouter()
LONGEST_REASON: Final = 2000
Verdict = Literal["approve", "reject"]


@router.post("/reviews/{review_id}/decision")
def decide(visitor: SomebodyWithForm, review_id: str) -> Response:
    """Without ``confirmed``: ask once more. With it: record the decision under the visitor's name."""
    require(visitor.person, "decide")
    verdict, reason = _verdict(visitor), reason_of(visitor)
    try:
        view = load(visitor.desk, review_id)
        if view.decision is not None:
            return _decided(visitor, view, verdict, reason)
        if not reason:
            raise ReviewError("a decision needs a reason", remedy="say why, in a sentence that holds in a year")
        if visitor.fields.get("confirmed") != "yes":
            return _ask(visitor, view, verdict, reason)
        _check_champion(visitor, view)
        return _record(visitor, view, verdict, reason)
    except PodiumError as error:
        return _refused(visitor, review_id, error, reason)


def _ask(visitor: Visitor, view: ReviewView, verdict: Verdict, reason: str) -> Response:
    """What will happen, before it does."""
    settings = visitor.desk.settings
    rules = policy_of(reviews.show(settings, view.id).request, load_policy(settings.root))
    return page(
        visitor,
        "confirm.html",
        review=view,
        verdict=verdict,
        reason=reason,
        seen=visitor.fields.get("seen", ""),
        override=visitor.fields.get("override") == "yes",
        own=rules.same(visitor.person.actor, view.author),
        own_counts=rules.self_approval,
    )


def _record(visitor: Visitor, view: ReviewView, verdict: Verdict, reason: str) -> Response:
    desk, notes = visitor.desk, list[str]()
    decider: promotion.Decider = {
        "reason": reason,
        "actor": visitor.person.actor,
        "via": "desk",
        "mirror": desk.mirrors(view.id),
        "client": desk.client(),
        "seen": number(visitor.fields.get("seen")),
        "later": lambda recorded: desk.errands.take(recorded, notes),
    }
    try:
        if verdict == "approve":
            decider["carrier"] = desk.carriers(notes.append)
            override = visitor.fields.get("override") == "yes"
            promotion.approve(desk.settings, view.id, override=override, **decider)
        else:
            promotion.reject(desk.settings, view.id, **decider)
    except ReviewError:
        after = load(desk, view.id)  # a second click, or somebody was faster
        if verdict == "approve" and any((v.actor, v.reason) == (visitor.person.actor, reason) for v in after.votes):
            return redirect(visitor, f"{review_address(view.id)}?said=recorded")
        if after.decision is None:
            raise
        return _decided(visitor, after, verdict, reason)
    return redirect(visitor, f"{review_address(view.id)}?said=recorded")


def _decided(visitor: Visitor, view: ReviewView, verdict: Verdict, reason: str) -> Response:
    """The same decision of the same person again is what was asked for; any other is refused, with the earlier one."""
    earlier = view.decision
    assert earlier is not None
    wanted = {"approve": "approved", "reject": "rejected"}[verdict]
    if (earlier.verdict, earlier.actor, earlier.reason) == (wanted, visitor.person.actor, reason):
        return redirect(visitor, f"{review_address(view.id)}?said=recorded")
    error = ReviewError(
        f"{view.id} is already decided: {earlier.verdict} by {earlier.actor} on {earlier.time}; "
        f"yours ({verdict}) was not recorded",
        remedy="a rollback changes the champion; a new run opens a new review",
    )
    return review_page(visitor, view.id, error=error, reason=reason, status=409)


def _refused(visitor: Visitor, review_id: str, error: PodiumError, reason: str) -> Response:
    status = status_of(error)
    if status == 404:
        raise error
    return review_page(visitor, review_id, error=error, reason=reason, status=status)


def _check_champion(visitor: Visitor, view: ReviewView) -> None:
    """The comparison that was looked at has to be the one that is decided on."""
    if visitor.fields.get("champion", "") != str(view.champion or ""):
        raise ReviewError(
            f"the champion has changed since the page was opened: it is {view.champion or 'none'} now",
            remedy="look at the new comparison, then decide; nothing was recorded",
        )


def _verdict(visitor: Visitor) -> Verdict:
    given = visitor.fields.get("verdict")
    if given == "approve":
        return "approve"
    if given == "reject":
        return "reject"
    raise Refused(400, "the form names no decision", remedy="choose to approve or to reject")


def number(text: str | None) -> int | None:
    """A field that holds one; None for whatever does not."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def reason_of(visitor: Visitor) -> str:
    """The reason as it will be recorded. Raises Refused (400) if it is too long."""
    reason = visitor.fields.get("reason", "").replace("\r\n", "\n").strip()
    if len(reason) > LONGEST_REASON:
        raise Refused(400, f"the reason has {len(reason)} characters", remedy=f"use {LONGEST_REASON} at most")
    return reason

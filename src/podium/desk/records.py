"""What was decided, whether all of it still holds, and the way back to an earlier champion."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from podium.desk.deciding import number, reason_of
from podium.desk.history import history
from podium.desk.pages import page, redirect
from podium.desk.progress import progress_of
from podium.desk.refusals import require, status_of
from podium.desk.visitor import Somebody, SomebodyWithForm, Visitor
from podium.errors import PodiumError, ReviewError
from podium.registry import promotion, reviews
from podium.registry.audit import audit, repair
from podium.registry.log import EventLog
from podium.registry.state import fold, models

router = APIRouter()


@router.get("/history")
def show_history(visitor: Somebody, model: str = "", said: str = "") -> Response:
    """All decisions, newest first; of one model if it is named. ``said`` is the event of one that was just made."""
    events, errands = EventLog(visitor.desk.settings.reviews).events(), visitor.desk.errands
    names = models(events)
    chosen = model if model in names else ""
    states = [fold(events, name) for name in names if chosen in ("", name)]
    champions = [(state.model, state.champion, len(state.approved) > 1) for state in states]
    pending = {seq: progress_of(seq, state, errands) for state in states for seq in state.pending}
    made = number(said) or 0
    rolled_back = any(event.seq == made and event.kind == "rolled_back" for event in events)
    return page(
        visitor,
        "history.html",
        entries=history(events, chosen),
        models=names,
        chosen=chosen,
        champions=champions,
        pending=pending,
        told=pending.get(made) or (progress_of(made, states[0], errands) if rolled_back else None),
    )


@router.get("/audit")
def show_audit(visitor: Somebody) -> Response:
    """The chain, checked now, and where the registry departs from it. Files are compared on demand."""
    desk, under_way = visitor.desk, visitor.desk.errands.under_way
    log = EventLog(desk.settings.reviews)
    broken: PodiumError | None = None
    findings: list[str] = []
    try:
        log.verify()
        found = reviews.overviews(desk.settings, client=desk.client(), under_way=under_way)
        findings = [finding for overview in found for finding in overview.findings]
        events = log.events()
    except ReviewError as error:
        broken, events = error, ()
    return page(visitor, "audit.html", events=events, broken=broken, findings=findings, full=None)


@router.post("/audit")
def run_audit(visitor: SomebodyWithForm) -> Response:
    """Compare the files of all reviewed versions as well; with ``repair``, restore aliases and stages from the log."""
    desk, restoring = visitor.desk, visitor.fields.get("repair") == "yes"
    require(visitor.person, "repair" if restoring else "compare all files")
    with desk.audits.taken():
        mirror = desk.mirrors(None)
        if restoring:
            full = repair(desk.settings, actor=visitor.person.actor, mirror=mirror, client=desk.client())
        else:
            full = audit(desk.settings, mirror=mirror, client=desk.client())
    try:
        events, broken = EventLog(desk.settings.reviews).events(), None
    except ReviewError as error:
        events, broken = (), error
    return page(visitor, "audit.html", events=events, broken=broken, findings=full.findings, full=full)


@router.get("/models/{model}/rollback")
def ask_rollback(visitor: Somebody, model: str) -> Response:
    """The form to go back."""
    require(visitor.person, "roll back")
    return _rollback_page(visitor, model)


@router.post("/models/{model}/rollback")
def roll_back(visitor: SomebodyWithForm, model: str) -> Response:
    """Go back to the chosen version, once that is confirmed."""
    require(visitor.person, "roll back")
    desk, reason, notes = visitor.desk, reason_of(visitor), list[str]()
    try:
        state = fold(EventLog(desk.settings.reviews).events(), model)
        to, seen = number(visitor.fields.get("to")), number(visitor.fields.get("champion"))
        if state.champion == to and to is not None:
            return redirect(visitor, "/history")  # a second click
        if state.champion != seen:
            raise ReviewError("the champion has changed since the page was opened", remedy="look at it again")
        promotion.rollback_target(state, to)
        if not reason:
            raise ReviewError("a decision needs a reason", remedy="say why, in a sentence that holds in a year")
        if visitor.fields.get("confirmed") != "yes":
            return _rollback_page(visitor, model, to=to, reason=reason)
        done = promotion.rollback(
            desk.settings,
            model,
            to=to,
            reason=reason,
            actor=visitor.person.actor,
            via="desk",
            seen_champion=seen,
            mirror=desk.mirrors(f"{model}-{to}"),
            client=desk.client(),
            carrier=desk.carriers(notes.append),
            later=lambda recorded: desk.errands.take(recorded, notes),
        )
    except PodiumError as error:
        return _rollback_page(visitor, model, reason=reason, error=error)
    return redirect(visitor, f"/history?said={done.event}")


def _rollback_page(
    visitor: Visitor, model: str, *, to: int | None = None, reason: str = "", error: PodiumError | None = None
) -> Response:
    state = fold(EventLog(visitor.desk.settings.reviews).events(), model)
    if error is None:
        promotion.rollback_target(state, to)  # refuses where there is nothing to go back to
    earlier = [state.reviews[number] for number in sorted(state.approved, reverse=True) if number != state.champion]
    return page(
        visitor,
        "rollback.html",
        status=status_of(error) if error else 200,
        model=model,
        champion=state.reviews[state.champion] if state.champion is not None else None,
        earlier=earlier,
        to=to,
        reason=reason,
        error=error,
    )

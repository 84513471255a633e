"""Pages that only show: the inbox, a review, its run's report, its lineage."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from podium.desk.context import Desk
from podium.desk.guard import DOCUMENT_HEADERS
from podium.desk.pages import page
from podium.desk.present import ReviewView, inbox, present
from podium.desk.progress import progress_of
from podium.desk.refusals import Refused
from podium.desk.visitor import Somebody, Visitor
from podium.errors import PodiumError, RegistryError
from podium.registry import chain, documents, dossiers, reviews
from podium.registry.log import EventLog
from podium.registry.state import fold
from podium.registry.votes import parse_review_id

router = APIRouter()
DOCUMENTS: Final = ("dossier", "report")
"""Pages that may be asked for, by the name in the address."""


@router.get("/")
def show_inbox(visitor: Somebody) -> Response:
    """All reviews, open ones first, expired ones folded away, and where the registry departs from the log."""
    desk = visitor.desk
    found = reviews.overviews(desk.settings, client=desk.client(), under_way=desk.errands.under_way)
    views = inbox(found, desk.errands.under_way, duels=desk.duel)
    return page(
        visitor,
        "inbox.html",
        waiting=[view for view in views if view.decision is None and not view.expired],
        expired=[view for view in views if view.expired],
        decided=[view for view in views if view.decision is not None],
        champions=[(overview.model, overview.champion) for overview in found],
        findings=[finding for overview in found for finding in overview.findings],
    )


@router.get("/reviews/{review_id}")
def show_review(visitor: Somebody, review_id: str, said: str = "") -> Response:
    """One review with the forms to decide it."""
    return review_page(visitor, review_id, said=said)


@router.get("/reviews/{review_id}/documents/{name}")
def show_document(visitor: Somebody, review_id: str, name: str) -> Response:
    """A page that the run made, as the registry has it: sandboxed, for nothing vouches for what it contains."""
    if name not in DOCUMENTS:
        raise Refused(404, f"there is no document {name!r}", remedy=f"ask for one of: {', '.join(DOCUMENTS)}")
    desk = visitor.desk
    request = reviews.show(desk.settings, review_id).request
    try:
        with desk.heavy.taken():
            if name == "dossier":
                folder = dossiers.kept(desk.settings, request.version, request.dossier)
                text = (folder / dossiers.PAGE).read_text(encoding="utf-8")
            else:
                text = documents.page(desk.settings, request.version, "report.html", client=desk.client())
    except RegistryError as error:
        raise Refused(404, error.message, remedy=error.remedy) from None
    return HTMLResponse(text, headers=DOCUMENT_HEADERS)


@router.get("/reviews/{review_id}/lineage")
def show_lineage(visitor: Somebody, review_id: str) -> Response:
    """The chain from the decision back to code and data, each link checked now."""
    desk = visitor.desk
    view = load(desk, review_id)
    with desk.heavy.taken():
        found = chain.explain(desk.settings, review_id, client=desk.client())
    return page(visitor, "lineage.html", review=view, chain=found)


def load(desk: Desk, review_id: str) -> ReviewView:
    """A review beside the champion in office. Raises NoSuchReview."""
    model, version = parse_review_id(review_id)
    state = fold(EventLog(desk.settings.reviews).events(), model)
    review = reviews.find(state, version)
    champion = state.reviews[state.champion] if state.champion is not None else None
    progress = progress_of(review.decision.event, state, desk.errands) if review.decision else None
    return present(review, champion, duels=desk.duel, progress=progress)


def review_page(
    visitor: Visitor,
    review_id: str,
    *,
    said: str = "",
    error: PodiumError | None = None,
    reason: str = "",
    status: int = 200,
) -> Response:
    """A review's page; after a refusal with the error and the reason that was typed."""
    view = load(visitor.desk, review_id)
    if said == "recorded" and view.decision is None and not view.votes:
        said = ""  # an address may claim anything
    return page(visitor, "review.html", status=status, review=view, said=said, error=error, reason=reason)

"""The page of sample images."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from podium.desk.pages import page
from podium.desk.present import present
from podium.desk.visitor import Somebody
from podium.registry import reviews

router = APIRouter()


@router.get("/reviews/{review_id}/samples")
def show_samples(visitor: Somebody, review_id: str) -> Response:
    """Images with the answers of challenger and champion; a slider goes from one to the other."""
    desk = visitor.desk
    review = reviews.show(desk.settings, review_id)
    champion = reviews.champion_review(desk.settings, review.request.version.model)
    other = champion if champion is not None and champion.id != review.id else None
    found = desk.samples.of(desk.settings, review, other, desk.client(), desk.heavy)
    return page(visitor, "samples.html", review=present(review, champion, duels=desk.duel), samples=found)

"""Reviews with a dossier, without a run that makes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import policy_digest
from podium.dossier.facts import Bound, Dossier, Figures, Subject
from podium.gate.verdict import Outcome
from podium.registry import dossiers, promotion, reviews
from podium.registry.dossiers import Papers
from podium.registry.request import RegisteredVersion
from podium.registry.state import Review
from tests.registry.support import House

FIGURES = Figures(
    candidate="tiny", version=1, accuracy=0.9, accuracy_low=0.8, accuracy_high=0.95, macro_f1=0.9, loss=0.3, recalls={}
)


def papers(version: RegisteredVersion, outcome: Outcome = "promote-eligible", **changes: str) -> Papers:
    digests = version.digests
    bound = {
        "model": digests.model, "weights": "b" * 64, "package": digests.package, "data": digests.data, "test": "e" * 64,
        "code": digests.code, "commit": version.code.commit, "dirty": False, "config": digests.config,
        "policy": policy_digest(PromotionPolicy()),
        "evidence": digests.evidence, "lock": None, "champion": None,
    }  # fmt: skip
    facts = Dossier(
        summary="It is fine.", outcome=outcome,
        subject=Subject(model=version.model, version=version.version, candidate="tiny", recipe="tiny", run="run-1"),
        bound=Bound.model_validate(bound | changes), criteria=(), challenger=FIGURES, champion=None, difference=None,
        use=1, duel=None, disagreements=0, examples=(), cautions=(), lineage={}, policy={},
    )  # fmt: skip
    return Papers(facts, "<!doctype html>", "# card")


def opened(house: House, seed: int = 0, *, against: int | None = None, **changes: str) -> tuple[Review, str]:
    version = house.register(seed)
    digest = dossiers.store(house.client, version, papers(version, **changes))
    review = reviews.open_review(
        house.settings, version, author="ada@lab", policy=PromotionPolicy(), outcome="promote-eligible",
        dossier=digest, against=against,
    )  # fmt: skip
    return review, digest


def approve(house: House, review: Review) -> Any:
    return promotion.approve(house.settings, review.id, reason="fine", actor="grace@lab", client=house.client)


def kept(house: House, review: Review, digest: str) -> Path:
    """Where the artifact store has the dossier."""
    (found,) = (house.settings.artifacts).rglob(f"dossiers/{digest[:16]}")
    return found

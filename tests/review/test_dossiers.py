"""A decision is bound to the dossier: its files, the version it is about, the champion it compares with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.config.promotion import PromotionPolicy
from podium.dossier.facts import Bound, Dossier, Figures, Subject
from podium.errors import RegistryError, ReviewError
from podium.registry import dossiers, promotion, reviews
from podium.registry.dossiers import FACTS, PAGE, Papers
from podium.registry.state import RegisteredVersion, Review
from tests.registry.support import House

FIGURES = Figures(
    candidate="tiny", version=1, accuracy=0.9, accuracy_low=0.8, accuracy_high=0.95, macro_f1=0.9, loss=0.3, recalls={}
)


def papers(version: RegisteredVersion, **changes: str) -> Papers:
    digests = version.digests
    bound = {
        "model": digests.model, "weights": "b" * 64, "package": digests.package, "data": digests.data, "test": "e" * 64,
        "code": digests.code, "commit": None, "dirty": False, "config": digests.config, "policy": "2" * 64,
        "evidence": digests.evidence, "lock": None, "champion": None,
    }  # fmt: skip
    facts = Dossier(
        summary="It is fine.", outcome="promote-eligible",
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


def test_an_untouched_dossier_is_approved(house: House) -> None:
    review, digest = opened(house)
    assert review.request.dossier == digest
    assert approve(house, review).champion == 1


def test_it_is_read_back(house: House, tmp_path: Path) -> None:
    review, digest = opened(house)
    folder = dossiers.fetch(house.settings, review.request.version, digest, tmp_path)
    assert dossiers.read(folder) == papers(review.request.version).dossier
    assert (folder / PAGE).read_text() == "<!doctype html>"


@pytest.mark.parametrize("name", [FACTS, PAGE])
def test_a_changed_dossier_is_refused(house: House, name: str) -> None:
    review, digest = opened(house)
    file = kept(house, review, digest) / name
    file.write_text(file.read_text() + " ")
    with pytest.raises(ReviewError, match="dossier of version 1 of podium was changed"):
        approve(house, review)
    assert "champion" not in house.aliases()


def test_a_dossier_that_is_gone_is_refused(house: House) -> None:
    review, digest = opened(house)
    for file in kept(house, review, digest).iterdir():
        file.unlink()
    with pytest.raises((RegistryError, ReviewError), match="dossier of version 1"):
        approve(house, review)


def test_the_dossier_of_another_model_is_refused(house: House) -> None:
    review, _ = opened(house, model="9" * 64)
    with pytest.raises(ReviewError, match="model files \\(999999999999 in the dossier"):
        approve(house, review)


def test_another_champion_than_the_gate_knew_needs_a_new_judgement(house: House) -> None:
    first, _ = opened(house, 0)
    second, _ = opened(house, 1)
    approve(house, first)
    with pytest.raises(ReviewError, match=r"champion has changed .* \(then none, now version 1\)") as refused:
        approve(house, second)
    assert "run the pipeline again" in str(refused.value)
    again, _ = opened(house, 1, against=1, champion=first.request.version.digests.model)
    assert again.renewed is not None
    assert approve(house, again).champion == 2

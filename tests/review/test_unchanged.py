"""Whoever moves the champion's alias: no version gets it that is not what was approved."""

from __future__ import annotations

import pytest

from podium.config.promotion import PromotionPolicy
from podium.errors import RegistryError, ReviewError
from podium.registry import carrying, dossiers, promotion, reviews
from podium.registry.audit import repair
from podium.registry.log import EventLog
from podium.registry.state import Review, fold
from podium.registry.sync import sync
from tests.registry.dossiers import kept, opened, papers
from tests.registry.support import House
from tests.review.test_carrier import Recording

pytestmark = pytest.mark.slow


@pytest.fixture
def house(house: House) -> House:
    """Version 1 is champion; version 2 was approved, its promotion is to be carried out elsewhere, and it was changed
    meanwhile; version 3 awaits a decision."""
    for seed in range(3):
        house.open(seed)
    approve(house, 1)
    approve(house, 2, carrier=Recording(done=True))
    (house.package(2) / "MLmodel").write_text("another")
    return house


def approve(house: House, version: int, **changes: object) -> promotion.Outcome:
    arguments = {"reason": "fine", "actor": "grace", "client": house.client} | changes
    return promotion.approve(house.settings, f"podium-{version}", **arguments)  # type: ignore[arg-type]


def kinds(house: House) -> list[str]:
    return [event.kind for event in EventLog(house.settings.reviews).events()][3:]


def test_a_synchronization_does_not_promote_it(house: House) -> None:
    with pytest.raises(ReviewError, match=r"podium-2: changed since .* MLflow package .* so it is not promoted"):
        sync(house.settings, client=house.client)
    assert house.aliases()["champion"] == 1
    outcome = repair(house.settings, client=house.client)
    assert any("so it is not promoted" in finding for finding in outcome.findings)
    assert (house.aliases()["champion"], outcome.repaired) == (1, ())


def test_nor_does_another_decision(house: House) -> None:
    with pytest.raises(ReviewError, match="so it is not promoted"):
        promotion.reject(house.settings, "podium-3", reason="no", actor="grace", client=house.client)
    assert kinds(house) == ["approved", "applied", "approved", "rejected"], "which stands"
    assert house.aliases()["champion"] == 1


def test_nor_does_the_pipelines_step(house: House) -> None:
    decided = carrying.Promotion(model="podium", version=2, decision=6, kind="approved", actor="grace")
    with pytest.raises(ReviewError, match="so it is not promoted"):
        carrying.move_alias(house.settings, house.client, decided)
    assert house.aliases()["champion"] == 1


def test_what_is_gone_is_not_promoted_by_who_stands_in_for_a_pipeline(house: House) -> None:
    for file in house.package(3).iterdir():
        if file.is_file():
            file.unlink()

    class Failing:
        def __call__(self, review: Review, decision: int) -> bool:
            return False

    promotion.rollback(house.settings, "podium", reason="it was changed", actor="grace", client=house.client)
    with pytest.raises((RegistryError, ReviewError)):
        approve(house, 3, carrier=Failing())
    assert house.aliases()["champion"] == 1


def test_a_rollback_leads_out_of_it(house: House) -> None:
    outcome = promotion.rollback(house.settings, "podium", reason="it was changed", actor="grace", client=house.client)
    assert (outcome.champion, house.aliases()["champion"]) == (1, 1)
    assert fold(EventLog(house.settings.reviews).events(), "podium").pending == ()
    assert sync(house.settings, client=house.client) == []


def test_the_pipeline_sees_a_dossier_that_was_changed(house: House) -> None:
    review, digest = opened(house, 3, against=2)
    approve(house, review.version, carrier=Recording(done=True))
    file = kept(house, review, digest) / dossiers.FACTS
    file.write_text(file.read_text() + " ")
    decision = EventLog(house.settings.reviews).events()[-1].seq
    with pytest.raises(ReviewError, match="dossier of version 4 of podium was changed"):
        carrying.verify_decision(house.settings, house.client, decision)


def test_a_request_that_says_something_else_than_its_dossier_is_refused(house: House) -> None:
    version = house.register(3)
    digest = dossiers.store(house.client, version, papers(version, policy="2" * 64))
    review = reviews.open_review(
        house.settings, version, author="ada@lab", policy=PromotionPolicy(), outcome="needs-review-with-warnings",
        dossier=digest, against=2,
    )  # fmt: skip
    with pytest.raises(ReviewError, match=r"gate's outcome \(promote-elig.*needs-review.*policy \(222222222222"):
        approve(house, review.version)

"""Approve, reject, roll back: recorded first, then carried out, and only for what was reviewed."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from podium.errors import RegistryError, ReviewError
from podium.registry import promotion, reviews
from podium.registry.log import EventLog
from podium.registry.state import fold
from tests.registry.support import AUTHOR, House


def approve(house: House, review: str, actor: str = "grace@lab") -> promotion.Outcome:
    return promotion.approve(house.settings, review, reason="better on cats", actor=actor, client=house.client)


def kinds(house: House) -> list[str]:
    return [event.kind for event in EventLog(house.settings.reviews).events()]


@pytest.mark.slow
def test_opening_twice_is_one_review(house: House) -> None:
    first, second = house.open(), house.open()
    assert first == second
    assert first.id == "podium-1"
    assert kinds(house) == ["opened"]


@pytest.mark.slow
def test_the_first_champion_needs_a_decision(house: House) -> None:
    review = house.open()
    assert house.aliases() == {"challenger": 1}
    outcome = approve(house, review.id)
    assert house.aliases() == {"champion": 1}
    assert (outcome.champion, outcome.previous) == (1, None)
    assert kinds(house) == ["opened", "approved", "applied"]


@pytest.mark.slow
def test_an_approval_records_who_when_why_and_what(house: House) -> None:
    review = house.open()
    approve(house, review.id)
    event = EventLog(house.settings.reviews).events()[1]
    assert (event.actor, event.payload["reason"]) == ("grace@lab", "better on cats")
    assert event.payload["digests"] == review.request.version.digests.model_dump()
    assert event.payload["code"] == {"commit": "f" * 40, "dirty": False}
    assert event.payload["self_approved"] is False
    assert house.client.get_model_version("podium", "1").tags["podium.decision"] == event.hash


@pytest.mark.slow
def test_approving_ones_own_run_is_marked(house: House) -> None:
    outcome = approve(house, house.open().id, actor=AUTHOR)
    assert outcome.review.decision is not None
    assert outcome.review.decision.self_approved


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_decision_needs_a_reason(house: House, reason: str) -> None:
    review = house.open()
    with pytest.raises(ReviewError, match="needs a reason"):
        promotion.approve(house.settings, review.id, reason=reason, client=house.client)
    assert kinds(house) == ["opened"]


@pytest.mark.slow
def test_a_decided_review_stays_decided(house: House) -> None:
    review = house.open()
    approve(house, review.id)
    for decide in (promotion.approve, promotion.reject):
        with pytest.raises(ReviewError, match=r"already decided: approved by grace@lab .*better on cats"):
            decide(house.settings, review.id, reason="again", client=house.client)
    assert house.aliases() == {"champion": 1}


@pytest.mark.slow
def test_unknown_reviews_are_named(house: House) -> None:
    house.open()
    with pytest.raises(ReviewError, match="no review podium-7") as error:
        approve(house, "podium-7")
    assert "podium-1" in error.value.remedy
    with pytest.raises(ReviewError, match="'seven' is no review id"):
        approve(house, "seven")


@pytest.mark.slow
def test_rejection_keeps_version_and_champion(house: House) -> None:
    approve(house, house.open(0).id)
    review = house.open(1)
    assert house.aliases() == {"champion": 1, "challenger": 2}
    outcome = promotion.reject(house.settings, review.id, reason="worse on dogs", client=house.client)
    assert house.aliases() == {"champion": 1}
    assert house.versions() == [1, 2]
    assert outcome.review.standing == "rejected"


@pytest.mark.slow
def test_an_older_open_review_becomes_challenger_when_the_newer_is_decided(house: House) -> None:
    house.open(0)
    newer = house.open(1)
    promotion.reject(house.settings, newer.id, reason="no", client=house.client)
    assert house.aliases() == {"challenger": 1}


TAMPERINGS = {
    "model files": "model/artifacts/bundle/model.safetensors",
    "MLflow package": "model/model.py",
    "evidence": "evidence/leaderboard.json",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_changed_artifact_is_refused(house: House, what: str) -> None:
    review = house.open()
    file = house.package(1).parent / TAMPERINGS[what]
    if file.suffix == ".json":
        board = json.loads(file.read_text())
        board["candidates"][0]["test_accuracy"] = 0.999
        file.write_text(json.dumps(board))
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    with pytest.raises(ReviewError, match=f"podium-1: changed since the review was opened: .*{what}"):
        approve(house, review.id)
    assert house.aliases() == {"challenger": 1}
    assert kinds(house) == ["opened"]


@pytest.mark.slow
def test_a_changed_tag_is_refused(house: House) -> None:
    review = house.open()
    house.client.set_model_version_tag("podium", "1", "podium.data_digest", "e" * 64)
    with pytest.raises(ReviewError, match="digests in the version's tags"):
        approve(house, review.id)


@pytest.mark.slow
def test_a_vanished_version_is_refused(house: House) -> None:
    review = house.open()
    house.client.delete_model_version("podium", "1")
    with pytest.raises(RegistryError, match="no version 1 of podium") as refused:
        approve(house, review.id)
    assert refused.value.exit_code == 2


@pytest.mark.slow
def test_rollback_goes_back_and_is_recorded(house: House) -> None:
    for seed in range(3):
        approve(house, house.open(seed).id)
    assert house.aliases() == {"champion": 3}

    def back(to: int | None = None) -> promotion.Outcome:
        return promotion.rollback(house.settings, "podium", reason="fails on night images", to=to, client=house.client)

    outcome = back()
    assert (outcome.champion, outcome.previous) == (2, 3)
    assert house.aliases() == {"champion": 2}
    back()
    assert house.aliases() == {"champion": 1}
    with pytest.raises(ReviewError, match="version 1 is the first champion"):
        back()
    back(to=3)
    assert house.aliases() == {"champion": 3}
    back()
    assert house.aliases() == {"champion": 1}, "back from 3 goes to the champion before it"
    assert kinds(house).count("rolled_back") == 4
    assert EventLog(house.settings.reviews).verify() == len(kinds(house))


@pytest.mark.slow
def test_rollback_needs_an_approval_on_record(house: House) -> None:
    with pytest.raises(ReviewError, match="no champion to roll back"):
        promotion.rollback(house.settings, "podium", reason="x", client=house.client)
    approve(house, house.open(0).id)
    house.open(1)
    with pytest.raises(ReviewError, match="version 2 has no approval on record"):
        promotion.rollback(house.settings, "podium", reason="x", to=2, client=house.client)
    with pytest.raises(ReviewError, match="version 1 is the champion"):
        promotion.rollback(house.settings, "podium", reason="x", to=1, client=house.client)
    assert house.aliases() == {"champion": 1, "challenger": 2}


@pytest.mark.slow
def test_rollback_to_a_changed_model_is_refused(house: House) -> None:
    approve(house, house.open(0).id)
    approve(house, house.open(1).id)
    (house.package(1) / "requirements.txt").write_text("evil==1.0\n")
    with pytest.raises(ReviewError, match="podium-1: changed since"):
        promotion.rollback(house.settings, "podium", reason="x", client=house.client)
    assert house.aliases() == {"champion": 2}


@pytest.mark.slow
def test_two_approvals_at_once_give_one_decision(house: House) -> None:
    review = house.open()
    barrier = threading.Barrier(4)
    outcomes: list[object] = []

    def decide(name: str) -> None:
        barrier.wait()
        try:
            outcomes.append(approve(house, review.id, actor=name).champion)
        except ReviewError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=decide, args=(f"user{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(1) == 1
    refused = [o for o in outcomes if isinstance(o, ReviewError)]
    assert len(refused) == 3
    assert all("already decided" in str(error) for error in refused)
    assert kinds(house).count("approved") == 1


def test_a_review_bound_to_other_digests_is_refused(house: House) -> None:
    version = house.register()
    reviews.open_review(house.settings, version)
    other = version.model_copy(update={"digests": version.digests.model_copy(update={"evidence": "0" * 64})})
    with pytest.raises(ReviewError, match="bound to other digests"):
        reviews.open_review(house.settings, other)


@pytest.mark.slow
def test_models_do_not_mix(house: House, tmp_path: Path) -> None:
    house.open(0)
    other = house.open(1, model="other-model")
    assert other.id == "other-model-1"
    approve(house, other.id)
    events = EventLog(house.settings.reviews).events()
    assert fold(events, "podium").champion is None
    assert fold(events, "other-model").champion == 1
    assert house.aliases() == {"challenger": 1}

"""What the policy asks of a decision, at the desk: several approvals, expiry, overrides, requests that were renewed."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.config.desk import DeskUser
from podium.desk.context import Desk
from podium.registry import reviews
from podium.registry.log import EventLog
from tests.desk.support import Page
from tests.registry.support import House


def policy(house: House, text: str) -> None:
    file = Path(house.folder) / "configs" / "promotion.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"decision: {{{text}}}\n")


def kinds(house: House) -> list[str]:
    return [event.kind for event in EventLog(house.settings.reviews).events()]


@pytest.mark.slow
def test_two_approvals(shared: Desk, house: House) -> None:
    policy(house, "quorum: 2")
    house.open(0)
    bob, root = Page(shared).log_in("bob"), Page(shared).log_in("root")
    assert "0 of 2 approvals" in bob.get("/").words
    bob.send(bob.get("/reviews/podium-1").form("/decision"), verdict="approve", reason="good")
    assert "Your approval is recorded; 1 more approval of other people will make version 1 the champion." in bob.words
    form = bob.form("/decision")
    for _ in range(2):  # clicked twice
        bob.send(form)
        assert bob.status == 200
        assert "Your approval is recorded; 1 more approval of other people will promote it." in bob.words
    assert kinds(house) == ["opened", "voted"]
    bob.decide("podium-1", "approve", "once more")
    assert bob.status == 409
    assert "bob has approved it already" in bob.words
    root.decide("podium-1", "approve", "good, too")
    assert "The decision is recorded." in root.words
    assert root.words.count("Approved by") == 2
    assert kinds(house) == ["opened", "voted", "approved", "applied"]
    assert "approved, awaiting more" in root.get("/history").words


@pytest.mark.slow
def test_an_expired_request_can_only_be_rejected(page: Page, house: House) -> None:
    policy(house, "expires_days: 1.0e-9")
    house.open(0)
    assert "Nothing awaits a decision" in page.get("/").words
    listed = page.text.partition('id="expired"')[2].partition("</details>")[0]
    assert "/reviews/podium-1" in listed
    assert "expired on" in listed
    form = page.get("/reviews/podium-1").form("/decision")
    assert "The request has expired" in page.words
    assert form.buttons == [("verdict", "reject")]
    page.send(form, verdict="approve", reason="x", confirmed="yes", champion="")
    assert page.status == 409
    assert "podium-1 expired on" in page.words
    assert "the review is renewed under the policy in force" in page.words
    page.decide("podium-1", "reject", "too late")
    assert kinds(house) == ["opened", "rejected", "applied"]


def test_until_when_it_is_open(page: Page, house: House) -> None:
    review = house.open(0)
    assert review.expires is not None
    assert f"open until {review.expires:%Y-%m-%d %H:%M} UTC" in page.get("/").words


@pytest.mark.slow
def test_what_the_gate_blocks_needs_an_override(page: Page, house: House) -> None:
    policy(house, "overrides: [grace@desk]")
    reviews.open_review(house.settings, house.register(0), author="ada@lab", outcome="blocked")
    form = page.get("/reviews/podium-1").form("/decision")
    assert "gate: blocked" in page.words
    assert form.boxes == ["override"]
    page.decide("podium-1", "approve", "x")
    assert page.status == 409
    assert "the gate blocks it" in page.words
    page.send(page.get("/reviews/podium-1").form("/decision"), verdict="approve", reason="we know why", override="yes")
    page.send(page.form("/decision"))
    assert "override of the gate" in page.words
    last = [event for event in EventLog(house.settings.reviews).events() if event.kind == "approved"]
    assert [event.payload["override"] for event in last] == [True]


@pytest.mark.slow
def test_a_request_that_was_renewed_is_looked_at_again(page: Page, house: House) -> None:
    version = house.register(0)
    reviews.open_review(house.settings, version, author="ada@lab", outcome="promote-eligible")
    page.send(page.get("/reviews/podium-1").form("/decision"), verdict="approve", reason="x")
    form = page.form("/decision")
    reviews.open_review(house.settings, version, author="ada@lab", outcome="needs-review-with-warnings")
    page.send(form)
    assert page.status == 409
    assert "was renewed while you looked at it" in page.words
    assert kinds(house) == ["opened", "renewed"]


@pytest.mark.slow
def test_who_is_no_reviewer(page: Page, house: House) -> None:
    policy(house, "reviewers: [ada]")
    house.open(0)
    page.decide("podium-1", "approve", "x")
    assert page.status == 409
    assert "grace@desk is no reviewer; the policy names ada" in page.words


@pytest.mark.slow
def test_repairing_from_the_audit_page(shared: Desk, house: House) -> None:
    house.open(0)
    root, bob = Page(shared).log_in("root"), Page(shared).log_in("bob")
    root.decide("podium-1", "approve")
    house.client.delete_registered_model_alias("podium", "champion")
    form = root.get("/audit").form("/audit")
    assert ("repair", "yes") in form.buttons
    assert bob.get("/audit").form("/audit").buttons == []
    assert bob.send(bob.form("/audit"), repair="yes").status == 403
    assert "champion" not in house.aliases()
    root.send(form, repair="yes")
    assert "Repaired podium: alias champion: none → version 1" in root.words
    assert house.aliases()["champion"] == 1


SELF = "You are the author of this run"


@pytest.mark.slow
def test_an_author_is_told_before_also_under_another_name_of_theirs(shared: Desk, house: House) -> None:
    """As the promotion tells: ada@home is ada@lab, the author, to a policy that names ada."""
    policy(house, "reviewers: [ada, bob]")
    house.open(0)
    users = {"bob": DeskUser(role="reviewer", recorded_as="ada@home"), "root": DeskUser(role="admin")}
    shared.config = shared.config.model_copy(update={"users": users})
    bob, root = Page(shared).log_in("bob"), Page(shared).log_in("root")
    for visitor, told in ((bob, True), (root, False)):
        form = visitor.get("/reviews/podium-1").form("/decision")
        assert (SELF in visitor.send(form, verdict="approve", reason="good").words) is told
        assert SELF not in visitor.send(form, verdict="reject", reason="bad").words
    bob.decide("podium-1", "approve")
    (event,) = [event for event in EventLog(house.settings.reviews).events() if event.kind == "approved"]
    assert event.payload["self_approved"] is True


@pytest.mark.slow
def test_an_author_is_told_that_the_policy_refuses_them(shared: Desk, house: House) -> None:
    policy(house, "self_approval: false")
    house.open(0)
    ada = Page(shared).log_in("ada")
    ada.send(ada.get("/reviews/podium-1").form("/decision"), verdict="approve", reason="good")
    assert "the policy lets no author approve their own, so that this will be refused" in ada.words
    assert "will be marked" not in ada.words
    assert ada.send(ada.form("/decision")).status == 409

"""The desk of one person: what it shows, and what its forms do."""

from __future__ import annotations

import pytest

from podium.desk.context import Desk
from podium.registry import reviews
from podium.registry.log import EventLog
from tests.desk.support import Page
from tests.registry.dossiers import kept, opened
from tests.registry.support import House


def decisions(house: House) -> list[tuple[str, str, str]]:
    events = EventLog(house.settings.reviews).events()
    kinds = ("approved", "rejected", "rolled_back")
    return [(event.kind, event.actor, event.payload["reason"]) for event in events if event.kind in kinds]


@pytest.mark.slow
def test_the_inbox_before_anything_was_run(page: Page, house: House) -> None:
    page.get("/")
    assert page.status == 200
    assert "Nothing awaits a decision" in page.words
    assert not house.settings.reviews.exists(), "looking must not make a log"


@pytest.mark.slow
def test_open_reviews_come_first(page: Page, house: House) -> None:
    for seed in range(2):
        house.open(seed)
    page.decide("podium-2", "approve")
    house.open(2)
    raw = page.get("/").text
    order = [raw.index(f'href="/reviews/podium-{number}"') for number in (3, 1, 2)]
    assert order == sorted(order)
    text = page.words
    assert "2 reviews await a decision" in text
    assert "podium: champion is version 2" in text
    assert "ada@lab" in text
    assert "just now" in text
    assert "+1.0 better" in text
    assert "−1.0 worse" in text


@pytest.mark.slow
def test_a_review_is_shown_beside_the_champion(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1")
    assert "There is no other champion yet." in page.words
    page.decide("podium-1", "approve")
    house.open(3)
    page.get("/reviews/podium-2")
    assert "names 93.0 % of the test images rightly, 3.0 points more than the champion" in page.words
    assert "+3.0 better" in page.words
    assert page.text.count("+3.0 better") == 2 * 2, "in a column, and on phones below the figure"
    assert reviews.show(house.settings, "podium-2").request.version.digests.model in page.text


@pytest.mark.slow
def test_approving_asks_once_more_and_promotes(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1")
    form = page.form("/decision")
    assert form.buttons == [("verdict", "approve"), ("verdict", "reject")]
    page.send(form, verdict="approve", reason="best on\nvalidation")
    assert page.status == 200
    assert decisions(house) == []
    assert "Version 1 becomes the champion" in page.words
    page.send(page.form("/decision"))
    assert page.path == "/reviews/podium-1?said=recorded"
    assert "The decision is recorded." in page.words
    assert decisions(house) == [("approved", "grace@desk", "best on\nvalidation")]
    assert house.aliases()["champion"] == 1


@pytest.mark.slow
def test_rejecting(page: Page, house: House) -> None:
    house.open(0)
    page.decide("podium-1", "reject", "worse")
    assert decisions(house) == [("rejected", "grace@desk", "worse")]
    assert "Rejected by grace@desk" in page.words
    assert 'action="/reviews/podium-1/decision"' not in page.text


@pytest.mark.slow
def test_a_second_click_changes_nothing_and_shows_the_decision(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1")
    page.send(page.form("/decision"), verdict="approve", reason="good")
    form = page.form("/decision")
    for _ in range(2):
        page.send(form)
        assert page.status == 200
        assert "The decision is recorded." in page.words
    assert len(decisions(house)) == 1


@pytest.mark.slow
def test_whoever_comes_second_is_shown_the_earlier_decision(page: Page, house: House, alone: Desk) -> None:
    house.open(0)
    page.get("/reviews/podium-1")
    page.send(page.form("/decision"), verdict="approve", reason="mine")
    form = page.form("/decision")
    Page(alone).decide("podium-1", "reject", "not mine")
    page.send(form)
    assert page.status == 409
    assert "podium-1 is already decided: rejected by grace@desk" in page.words
    assert "yours (approve) was not recorded" in page.words
    assert "not mine" in page.words
    assert decisions(house) == [("rejected", "grace@desk", "not mine")]


@pytest.mark.slow
def test_a_comparison_that_is_out_of_date_is_not_decided_on(page: Page, house: House, alone: Desk) -> None:
    for seed in range(2):
        house.open(seed)
    page.get("/reviews/podium-2")
    page.send(page.form("/decision"), verdict="approve", reason="good")
    form = page.form("/decision")
    Page(alone).decide("podium-1", "approve")
    page.send(form)
    assert page.status == 409
    assert "the champion has changed since the page was opened: it is 1 now" in page.words
    assert len(decisions(house)) == 1


@pytest.mark.slow
def test_a_decision_needs_a_reason(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1").send(page.form("/decision"), verdict="approve", reason=" \r\n ")
    assert page.status == 409
    assert "a decision needs a reason" in page.words
    page.get("/reviews/podium-1").send(page.form("/decision"), verdict="approve", reason="x" * 2001)
    assert page.status == 400
    page.get("/reviews/podium-1").send(page.form("/decision"), verdict="promote", reason="x")
    assert page.status == 400
    assert decisions(house) == []


@pytest.mark.slow
def test_what_was_changed_since_is_refused_as_in_the_terminal(page: Page, house: House) -> None:
    house.open(0)
    (house.package(1) / "artifacts" / "bundle" / "model.json").write_text("{}")
    page.decide("podium-1", "approve", "kept reason")
    assert page.status == 409
    assert "podium-1: changed since the review was opened: model files" in page.words
    assert "find out who changed it" in page.words
    assert page.form("/decision").fields["reason"] == "kept reason"
    assert decisions(house) == []


@pytest.mark.slow
def test_a_mirror_out_of_reach_leaves_the_decision_standing(house: House, alone: Desk) -> None:
    from podium.errors import RegistryError

    class Down:
        def apply(self, model: str, stages: object) -> list[str]:
            raise RegistryError("ZenML could not be brought up to date", remedy="the decision stands; sync later")

    house.open(0)
    alone.mirrors = lambda _: Down()
    page = Page(alone).decide("podium-1", "approve")
    assert page.status == 200
    assert "The decision stands, and was not carried out: ZenML could not be brought up to date" in page.words
    assert "the decision stands; sync later" in page.words
    assert "not promoted yet" in page.words
    assert decisions(house) == [("approved", "grace@desk", "good")]
    assert "was not carried out completely" in page.get("/").words


@pytest.mark.slow
def test_no_such_page(page: Page, house: House) -> None:
    house.open(0)
    for path in ("/reviews/podium-9", "/reviews/x", "/reviews/podium-9/lineage", "/nothing", "/static/../app.py",
                 "/reviews/podium-1/documents/leaderboard", "/reviews/podium-1/documents/..%2fx"):  # fmt: skip
        assert page.get(path).status == 404, path
    assert page.get("/reviews/podium-9").words.count("choose one of: podium-1")
    form = page.get("/reviews/podium-1").form("/decision")
    form.action = "/reviews/podium-9/decision"
    assert page.send(form, verdict="approve", reason="x").status == 404


@pytest.mark.slow
def test_the_report_is_the_registrys_and_boxed_in(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1/documents/report")
    assert page.text == "<html></html>"
    policy = page.answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert page.answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.slow
def test_a_report_that_was_changed_is_not_shown_and_not_decided_on(page: Page, house: House) -> None:
    house.open(0)
    (file,) = house.settings.artifacts.rglob("report.html")
    file.write_text("Approve at once!")
    page.get("/reviews/podium-1/documents/report")
    assert page.status == 409
    assert "its evidence has changed since the review was opened" in page.words
    assert "Approve at once" not in page.text
    page.decide("podium-1", "approve")
    assert page.status == 409
    assert "changed since the review was opened: evidence" in page.words
    assert decisions(house) == []


def test_a_version_without_a_report(page: Page, house: House) -> None:
    from tests.registry.support import make_evidence

    house.open(0, evidence=make_evidence(report=None))
    page.get("/reviews/podium-1/documents/report")
    assert page.status == 404
    assert "there is no report.html with its evidence" in page.words


@pytest.mark.slow
def test_lineage_tells_what_contradicts(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1/lineage")
    assert "No link contradicts another" in page.words
    house.client.set_registered_model_alias("podium", "champion", "1")
    page.get("/reviews/podium-1/lineage")
    assert "1 contradiction" in page.words
    assert "unexplained champion" in page.words


@pytest.mark.slow
def test_the_dossier_is_the_one_that_the_decision_is_bound_to(page: Page, house: House) -> None:
    opened(house)
    page.get("/reviews/podium-1")
    assert "/reviews/podium-1/documents/dossier" in page.text
    page.get("/reviews/podium-1/documents/dossier")
    assert page.text == "<!doctype html>"
    assert page.answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.slow
def test_a_dossier_that_was_changed_is_not_shown(page: Page, house: House) -> None:
    review, digest = opened(house)
    (kept(house, review, digest) / "dossier.html").write_text("Approve at once!")
    page.get("/reviews/podium-1/documents/dossier")
    assert page.status == 409
    assert "was changed since the review was opened" in page.words
    assert "Approve at once" not in page.text


@pytest.mark.slow
def test_a_review_that_no_gate_judged_has_none(page: Page, house: House) -> None:
    house.open(0)
    page.get("/reviews/podium-1")
    assert "documents/dossier" not in page.text
    page.get("/reviews/podium-1/documents/dossier")
    assert "no gate has judged it" in page.words

"""What somebody wrote who knows the log's format: it promotes nothing, stops nobody, and the audit tells it."""

from __future__ import annotations

from typing import Any

import pytest

from podium.digest import digest_json
from podium.errors import ReviewError
from podium.registry.audit import audit
from podium.registry.rules import faults
from tests.review.made import AUTHOR, Office, made_version
from tests.review.test_audit import break_chain


@pytest.fixture
def office(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """With a champion, version 1, and version 2, which was rejected."""
    monkeypatch.setattr("podium.registry.tracking.exists", lambda _: True)
    for number in (1, 2):
        office.open(number)
    office.approve("grace@lab")
    office.reject("grace@lab", 2)
    return office


def findings(office: Office) -> str:
    return " ".join(audit(office.settings, client=office.client).findings)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("rolled_back", {"version": 2, "champion_before": 1}),
        ("rolled_back", {"version": 7, "champion_before": 1}),
        ("approved", {"version": 2, "champion_before": 1}),
        ("approved", {"version": 7}),
        ("voted", {"version": 7}),
        ("rejected", {"version": 1}),
    ],
)
def test_what_cannot_follow_counts_for_nothing(office: Office, kind: str, payload: dict[str, Any]) -> None:
    assert findings(office) == ""
    event = office.log.append(kind, "eve", {"model": "podium", "reason": "mine", **payload})
    assert (office.state.champion, office.state.pending, office.state.unfit) == (1, (), (event.seq,))
    assert f"podium: event {event.seq} of the log ({kind} by eve) cannot follow those before it" in findings(office)
    office.open(3)
    office.approve("grace@lab", 3)
    assert office.champion() == "3", "and nobody is stopped"


def test_what_is_about_nothing_is_told(office: Office) -> None:
    office.log.append("voted", "eve", {})
    office.log.append("approved", "eve", {"model": "other", "version": 1})
    told = findings(office)
    assert "event 7 of the log (voted by eve) is about no model" in told
    assert "event 8 of the log (approved by eve) is about no model" in told


def test_a_decision_against_another_champion_is_told(office: Office) -> None:
    office.open(3)
    payload = {"model": "podium", "version": 3, "reason": "mine", "votes": [], "champion_before": 2}
    number = office.log.append("approved", "grace@lab", payload).seq
    assert (
        f"decision {number} of the log (approved) was taken against version 2 as champion, and version 1 was in office"
        in findings(office)
    )


def test_an_approval_of_what_was_judged_against_another_champion_is_told(office: Office) -> None:
    office.open(3, dossier="d" * 64, outcome="promote-eligible", against=None)
    payload = {"model": "podium", "version": 3, "reason": "mine", "champion_before": 1}
    number = office.log.append("approved", "grace@lab", payload).seq
    assert f"decision {number} of the log should not have counted: podium-3: the champion has changed" in findings(
        office
    )


def opened(office: Office, policy: dict[str, Any], digest: str) -> None:
    request = {"version": made_version(3).model_dump(mode="json"), "author": AUTHOR, "policy": policy}
    office.log.append(
        "opened", AUTHOR, {"model": "podium", "version": 3, "request": request | {"policy_digest": digest}}
    )


@pytest.mark.slow
def test_a_policy_of_before_a_key_came_into_being_is_followed(office: Office) -> None:
    policy = office.state.reviews[1].request.policy
    assert policy is not None
    raw = policy.model_dump(mode="json")
    del raw["decision"]["overrides"]
    opened(office, raw, digest_json(raw))
    payload = {"model": "podium", "version": 3, "reason": "fine", "votes": [], "champion_before": 1}
    office.log.append("approved", "grace@lab", payload)
    assert office.state.champion == 3
    assert faults(office.state.reviews[3]) == []
    assert "should not have counted" not in findings(office)
    assert "another policy" not in findings(office)
    with pytest.raises(ReviewError, match="is already decided"):
        office.approve("joan@lab", 3)


def test_a_policy_that_is_not_the_one_of_its_digest_is_told(office: Office) -> None:
    policy = office.state.reviews[1].request.policy
    assert policy is not None
    raw = policy.model_dump(mode="json")
    digest = digest_json(raw)
    raw["decision"]["self_approval"] = False
    opened(office, raw, digest)
    assert "event 7 of the log (opened) holds another policy than the one that it is bound to" in findings(office)


def test_nothing_is_decided_on_a_broken_chain(office: Office) -> None:
    office.open(3)
    break_chain(office, "UPDATE events SET payload = replace(payload, 'ada@lab', 'eve@lab') WHERE seq = 7")
    before = office.kinds()
    with pytest.raises(ReviewError, match="chain is broken: event 7"):
        office.approve("grace@lab", 3)
    assert (office.kinds(), office.champion()) == (before, "1")

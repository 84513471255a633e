"""Votes: the quorum, and every reason for which one is refused; nothing is lost by a refusal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from podium.errors import ConfigError, ReviewError
from podium.registry import promotion, reviews
from podium.registry.log import EventLog
from podium.registry.state import Decision, fold
from podium.registry.views import outcome_json, review_json
from tests.review.made import AUTHOR, Office, made_version


def decision(office: Office, number: int = 1) -> Decision:
    found = office.state.reviews[number].decision
    assert found is not None
    return found


class TestQuorum:
    def test_a_vote_below_it_promotes_nothing(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        outcome = office.approve("grace@lab")
        assert (outcome.missing, outcome.champion, outcome.changes) == (1, None, ())
        assert outcome.review.standing == "open"
        assert [vote.actor for vote in outcome.review.votes] == ["grace@lab"]
        assert office.kinds() == ["opened", "voted"]
        assert office.champion() is None

    def test_the_vote_that_reaches_it_promotes(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab", reason="fine on cats")
        outcome = office.approve("joan@lab", reason="fine on dogs")
        assert (outcome.missing, outcome.champion) == (0, 1)
        assert office.kinds() == ["opened", "voted", "approved", "applied"]
        assert office.champion() == "1"
        assert [(vote.actor, vote.reason) for vote in outcome.review.votes] == [
            ("grace@lab", "fine on cats"), ("joan@lab", "fine on dogs"),
        ]  # fmt: skip
        assert (decision(office).actor, decision(office).self_approved) == ("joan@lab", False)
        last = office.log.events()[2].payload
        assert (last["votes"], last["quorum"], last["request"]) == ([2], 2, 1)
        assert outcome_json(outcome)["missing"] == 0

    def test_one_rejection_closes_the_review(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab")
        outcome = office.reject("joan@lab")
        assert (outcome.review.standing, outcome.missing) == ("rejected", 0)
        with pytest.raises(ReviewError, match="already decided: rejected by joan@lab"):
            office.approve("mary@lab")
        assert office.champion() is None

    def test_who_approved_may_still_reject(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab")
        assert office.reject("grace@lab").review.standing == "rejected"

    def test_approvals_of_two_reviews_do_not_add_up(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open(1)
        office.open(2)
        office.approve("grace@lab", 1)
        office.approve("joan@lab", 2)
        assert office.champion() is None


class TestRefusals:
    """Each leaves the log as it was."""

    def refused(self, office: Office, words: str, actor: str, **changes: Any) -> ReviewError:
        before = office.log.events()
        with pytest.raises(ReviewError, match=words) as error:
            office.approve(actor, **changes)
        assert office.log.events() == before
        assert error.value.remedy
        return error.value

    @pytest.mark.parametrize("again", ["grace@lab", "grace", "grace@lab "])
    def test_a_second_approval_of_the_same_person(self, office: Office, again: str) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab")
        self.refused(office, r"grace@lab has approved it already, on .* \(1 of 2 approvals\)", again)
        office.approve("grace@home")  # another machine's grace is another person, unless the policy names her

    def test_one_named_reviewer_has_one_vote_on_all_machines(self, office: Office) -> None:
        office.policy(quorum=2, reviewers=["grace", "joan"])
        office.open()
        office.approve("grace@lab")
        self.refused(office, "grace@lab has approved it already", "grace@home")

    def test_who_is_no_reviewer(self, office: Office) -> None:
        office.policy(reviewers=["grace", "joan@lab"])
        office.open()
        self.refused(office, "podium-1: eve@lab is no reviewer; the policy names grace, joan@lab", "eve@lab")
        self.refused(office, "joan@home is no reviewer", "joan@home")
        with pytest.raises(ReviewError, match="eve@lab is no reviewer"):
            office.reject("eve@lab")
        assert office.approve("grace@home").champion == 1

    @pytest.mark.parametrize("name", [AUTHOR, "ada"])
    def test_the_author_where_self_approval_is_off(self, office: Office, name: str) -> None:
        office.policy(self_approval=False)
        office.open()
        error = self.refused(office, "is the author of run run-1", name)
        assert "another reviewer" in error.remedy
        assert office.approve("grace@lab").champion == 1

    def test_nor_as_one_of_two(self, office: Office) -> None:
        office.policy(self_approval=False, quorum=2)
        office.open()
        office.approve("grace@lab")
        self.refused(office, "lets no author approve", AUTHOR)
        assert office.reject(AUTHOR).review.standing == "rejected", "an author may withdraw"

    def test_an_expired_request(self, office: Office) -> None:
        office.policy(expires_days=1e-9)
        office.open()
        error = self.refused(office, "podium-1 expired on ", "grace@lab")
        assert "run the pipeline again" in error.remedy
        assert review_json(office.state.reviews[1])["expired"] is True
        assert office.reject("grace@lab").review.standing == "rejected", "what nobody wants can be put away"

    def test_a_blocked_candidate_without_override(self, office: Office) -> None:
        office.policy(overrides=["grace"])
        office.open(outcome="blocked")
        error = self.refused(office, "podium-1: the gate blocks it", "grace@lab")
        assert "--override" in error.remedy
        self.refused(office, "joan@lab may not override that .*the policy names grace", "joan@lab", override=True)
        outcome = office.approve("grace@lab", override=True)
        assert decision(office).override
        assert outcome.review.votes[0].override
        assert office.champion() == "1"

    def test_a_blocked_candidate_where_nobody_may_override(self, office: Office) -> None:
        office.open(outcome="blocked")
        self.refused(office, "the policy names nobody who may", AUTHOR, override=True)

    def test_each_approval_of_a_blocked_candidate_is_an_override(self, office: Office) -> None:
        office.policy(quorum=2, overrides=["grace", "joan"])
        office.open(outcome="blocked")
        office.approve("grace", override=True)
        self.refused(office, "the gate blocks it", "joan")
        assert office.approve("joan", override=True).champion == 1

    def test_an_override_of_nothing(self, office: Office) -> None:
        office.policy(overrides=["grace"])
        office.open(outcome="needs-review-with-warnings")
        self.refused(office, "the gate does not block it", "grace", override=True)

    def test_a_policy_that_changed(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab")
        office.policy(quorum=1)
        error = self.refused(office, "podium-1 is bound to promotion policy .*, and the one in force is ", "joan@lab")
        assert "finished steps come from the cache" in error.remedy
        office.policy(reviewers=["joan@lab"])
        with pytest.raises(ReviewError, match="grace@lab is no reviewer; the policy names joan@lab"):
            office.reject("grace@lab")
        assert office.reject("joan@lab").review.standing == "rejected", "which promotes nothing"

    def test_a_request_that_was_renewed_under_the_reviewers_eyes(self, office: Office) -> None:
        seen = office.open(dossier="1" * 64).event
        office.open(dossier="2" * 64)
        self.refused(office, r"was renewed while you looked at it \(event 2 of the log, not 1\)", "grace", seen=seen)
        with pytest.raises(ReviewError, match="was renewed while you looked"):
            office.reject("grace", seen=seen)
        assert office.approve("grace", seen=2).champion == 1

    def test_a_policy_file_with_a_mistake_decides_nothing(self, office: Office) -> None:
        office.open()
        office.policy(qorum=2)
        with pytest.raises(ConfigError, match="did you mean 'quorum'"):
            office.approve("grace@lab")
        assert office.kinds() == ["opened"]


class TestMarks:
    def test_of_the_author_alone(self, office: Office) -> None:
        office.open()
        assert office.approve(AUTHOR).review.votes[0].self_approved
        assert decision(office).self_approved

    @pytest.mark.parametrize("order", [(AUTHOR, "grace@lab"), ("grace@lab", AUTHOR)])
    def test_of_the_author_as_one_of_two(self, office: Office, order: tuple[str, str]) -> None:
        office.policy(quorum=2)
        office.open()
        for name in order:
            outcome = office.approve(name)
        assert decision(office).self_approved
        assert [vote.self_approved for vote in outcome.review.votes] == [name == AUTHOR for name in order]


class TestRenewal:
    def test_the_same_request_is_not_renewed(self, office: Office) -> None:
        first = office.open(outcome="promote-eligible", dossier="1" * 64)
        assert office.open(outcome="promote-eligible", dossier="1" * 64) == first
        assert office.open() == first, "what is not told has not changed"

    @pytest.mark.parametrize("changes", [{"dossier": "2" * 64}, {"outcome": "blocked"}])
    def test_another_dossier_or_outcome(self, office: Office, changes: dict[str, Any]) -> None:
        office.policy(quorum=2)
        first = office.open(outcome="promote-eligible", dossier="1" * 64)
        office.approve("grace@lab")
        renewed = office.open(author="joan@lab", **{"outcome": "promote-eligible", "dossier": "1" * 64} | changes)
        assert office.kinds() == ["opened", "voted", "renewed"]
        assert (renewed.votes, renewed.event, renewed.opened) == ((), 3, first.opened)
        assert renewed.request.author == AUTHOR, "whoever asks again is not the author"
        assert office.log.events()[-1].actor == "joan@lab"
        assert renewed.renewed is not None
        assert renewed.expires is not None
        assert first.expires is not None
        assert renewed.expires > first.expires

    def test_another_policy(self, office: Office) -> None:
        office.policy(quorum=2)
        office.open()
        office.approve("grace@lab")
        office.policy(quorum=1)
        office.open()
        assert office.kinds() == ["opened", "voted", "renewed"]
        assert office.approve("grace@lab").champion == 1

    def test_an_expired_one(self, office: Office) -> None:
        office.policy(expires_days=1e-9)
        assert office.open().event == 1
        assert office.open().event == 2

    def test_a_decided_one_stays(self, office: Office) -> None:
        office.open()
        office.approve("grace@lab")
        assert office.open(dossier="2" * 64).decision is not None
        assert "renewed" not in office.kinds()

    def test_other_digests_are_refused_first(self, office: Office) -> None:
        version = made_version()
        office.open(dossier="1" * 64)
        other = version.model_copy(update={"digests": version.digests.model_copy(update={"model": "0" * 64})})
        with pytest.raises(ReviewError, match="bound to other digests"):
            reviews.open_review(office.settings, other, dossier="2" * 64)
        assert office.kinds() == ["opened"]


class TestOldLogs:
    """Of Podium 0.1: requests without policy, outcome and dossier."""

    def write(self, office: Office) -> None:
        request = {"version": made_version().model_dump(mode="json"), "author": AUTHOR, "report": None, "zenml": None}
        office.log.append("opened", AUTHOR, {"model": "podium", "version": 1, "request": request})

    def test_they_fold(self, office: Office) -> None:
        self.write(office)
        payload = {"model": "podium", "version": 1, "reason": "good", "digests": {}, "self_approved": True}
        office.log.append("approved", AUTHOR, payload | {"champion_before": None})
        review = office.state.reviews[1]
        assert (review.standing, review.expires, office.state.champion) == ("champion", None, 1)
        assert [vote.self_approved for vote in review.votes] == [True]
        assert review_json(review)["rules"] is None

    def test_they_are_decided_by_the_policy_in_force_and_never_expire(self, office: Office) -> None:
        self.write(office)
        office.policy(quorum=2, expires_days=1e-9)
        assert office.approve("grace@lab").missing == 1
        assert office.approve("joan@lab").champion == 1

    def test_the_next_run_binds_them(self, office: Office) -> None:
        self.write(office)
        assert office.open().request.policy is not None
        assert office.kinds() == ["opened", "renewed"]


@pytest.mark.parametrize(
    ("decision", "outcome", "expected"),
    [
        ({}, "promote-eligible", None),
        ({"reviewers": ["ada", "grace"], "quorum": 2}, "promote-eligible", None),
        ({"reviewers": ["ada", "grace"], "quorum": 2, "self_approval": False}, None, "grace may give one"),
        ({}, "blocked", r"1 approval\(s\) are needed, and nobody may give one: the gate blocks it"),
        ({"overrides": ["grace"]}, "blocked", None),
        ({"overrides": ["ada"], "self_approval": False}, "blocked", "nobody may give one"),
    ],
)
def test_what_nobody_can_approve_is_told_when_it_is_opened(
    office: Office, caplog: pytest.LogCaptureFixture, decision: dict[str, Any], outcome: Any, expected: str | None
) -> None:
    office.policy(**decision)
    office.open(outcome=outcome)
    told = [record.getMessage() for record in caplog.records]
    if expected is None:
        assert told == []
    else:
        (warning,) = told
        assert re.search(f"podium-1 cannot be approved: .*{expected}", warning)


def test_a_rollback_is_a_reviewers(office: Office) -> None:
    for number in (1, 2):
        office.open(number)
        office.approve("grace", number)
    office.policy(reviewers=["grace"])
    arguments: Any = {"reason": "cats", "client": office.client}
    with pytest.raises(ReviewError, match="podium: eve is no reviewer"):
        promotion.rollback(office.settings, "podium", actor="eve", **arguments)
    assert promotion.rollback(office.settings, "podium", actor="grace", **arguments).champion == 1


def test_the_fold_is_pure(office: Office) -> None:
    office.policy(quorum=2)
    office.open()
    office.approve("grace")
    events = EventLog(office.settings.reviews).events()
    assert fold(events, "podium") == fold(events, "podium")
    assert fold(events[:1], "podium").reviews[1].votes == ()

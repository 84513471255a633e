"""Who decides: names, and policies that nobody could satisfy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.config.decision import DecisionPolicy, named, same_person
from podium.config.load import parse
from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import load_policy, policy_digest, policy_file
from podium.errors import ConfigError


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("ada@lab", "ada@lab", True),
        ("ada", "ada@lab", True),
        ("ada@lab", "ada", True),
        ("ada@lab", "ada@home", False),
        ("ada", "grace", False),
        ("lab", "ada@lab", False),
        ("ada@x.org@lab", "ada@x.org", True),
        ("@lab", "lab", False),
    ],
)
def test_a_name_without_a_machine_stands_for_that_user_on_any(one: str, other: str, expected: bool) -> None:
    assert same_person(one, other) is expected
    assert same_person(other, one) is expected
    assert named(one, ["eve", other]) == (other if expected else None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"quorum": 0}, "decision.quorum"),
        (
            {"quorum": 3, "reviewers": ["ada", "grace"]},
            r"quorum of 3 cannot be .* 2 reviewer\(s\) \(ada, grace",
        ),
        ({"quorum": 2, "reviewers": ["ada", "ada@lab"]}, "'ada' and 'ada@lab' are one person"),
        ({"reviewers": [""]}, "decision.reviewers.0"),
        ({"quorum": 2, "overrides": ["ada"]}, "quorum of 2 cannot be reached by 1 name"),
        ({"reviewers": ["ada"], "overrides": ["eve"]}, "'eve' is none of the reviewers"),
        ({"expires_days": 0}, "decision.expires_days"),
        ({"qorum": 2}, "did you mean 'quorum'"),
        ({"self_approval": "no"}, "decision.self_approval"),
    ],
)
def test_what_nobody_could_satisfy_is_refused_at_load(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        parse(PromotionPolicy, {"decision": given}, "promotion.yaml")
    assert "promotion.yaml" in refused.value.message


def test_a_checkout_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    assert load_policy(tmp_path) == PromotionPolicy()
    assert PromotionPolicy().decision == DecisionPolicy(quorum=1, self_approval=True, expires_days=30)


def test_the_digest_is_of_the_values_not_of_the_text(tmp_path: Path) -> None:
    file = policy_file(tmp_path)
    file.parent.mkdir()
    file.write_text("decision: {quorum: 1, expires_days: 30}\n")
    assert policy_digest(load_policy(tmp_path)) == policy_digest(PromotionPolicy())
    file.write_text("# two\ndecision:\n  quorum: 2\n")
    assert load_policy(tmp_path).decision.quorum == 2
    assert policy_digest(load_policy(tmp_path)) != policy_digest(PromotionPolicy())
    file.write_text("decision: {quorum: 2, reviewers: [ada]}\n")
    with pytest.raises(ConfigError, match=r"promotion\.yaml: decision: a quorum of 2"):
        load_policy(tmp_path)

"""What the gate says of challengers that are made to be better, equal, worse, and not comparable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from podium.config.load import load_yaml, parse
from podium.config.promotion import DEFAULT_SEVERITY, PromotionPolicy
from podium.errors import ConfigError
from podium.gate.comparison import Duel, Void
from podium.gate.floors import Measured
from podium.gate.judge import judge
from podium.gate.verdict import Criterion, Verdict, verdict

POLICY = Path(__file__).resolve().parents[2] / "configs" / "promotion.yaml"
NAMES = ("bird", "cat", "dog", "frog")


def duel(*, gained: int, lost: int, images: int = 4000, lost_class: int | None = None) -> Duel:
    """The challenger is right on ``gained`` images that the champion misses, and misses ``lost`` that it has."""
    truth = np.arange(images) % len(NAMES)
    wrong = (truth + 1) % len(NAMES)
    champion, challenger = truth.copy(), truth.copy()
    champion[:gained] = wrong[:gained]
    rest = np.arange(gained, images)
    chosen = rest if lost_class is None else rest[truth[rest] == lost_class]
    challenger[chosen[:lost]] = wrong[chosen[:lost]]
    return Duel(truth, challenger, champion, NAMES)


def measured(**changes: Any) -> Measured:
    given = {"accuracy": 0.9, "most_frequent": 0.25, "recalls": {"bird": 0.85, "cat": 0.95}, "ece": 0.02}
    return Measured.model_validate({**given, **changes})


def standing(given: Verdict) -> dict[str, str]:
    return {criterion.name: criterion.standing for criterion in given.criteria}


def of(given: Verdict, name: str) -> Criterion:
    return next(criterion for criterion in given.criteria if criterion.name == name)


class TestComparison:
    def test_a_better_one_is_eligible(self) -> None:
        found = judge(measured(), duel(gained=150, lost=60), PromotionPolicy())
        assert found.outcome == "promote-eligible", found.open_questions
        assert "the challenger alone is right on 150 images, the champion alone on 60" in of(found, "better").reason

    def test_an_equal_one_needs_a_reviewer(self) -> None:
        found = judge(measured(), duel(gained=30, lost=30, images=40_000), PromotionPolicy())
        assert found.outcome == "needs-review-with-warnings"
        assert [criterion.name for criterion in found.open_questions] == ["better"]

    def test_a_worse_one_is_blocked(self) -> None:
        found = judge(measured(), duel(gained=60, lost=150), PromotionPolicy())
        assert found.outcome == "blocked"
        assert found.open_questions[0].name == "not_worse"
        assert "2.25 points below the champion" in found.open_questions[0].reason

    def test_few_images_decide_nothing_and_block_nothing(self) -> None:
        found = judge(measured(), duel(gained=3, lost=3, images=200), PromotionPolicy())
        assert found.outcome == "needs-review-with-warnings"
        assert standing(found)["not_worse"] == "undecided"
        assert standing(found)["classes_not_worse"] == "undecided"

    def test_a_class_that_lost_is_named(self) -> None:
        found = judge(measured(), duel(gained=400, lost=200, lost_class=2), PromotionPolicy())
        assert standing(found)["better"] == "met"
        assert of(found, "classes_not_worse").standing == "missed"
        assert "dog" in of(found, "classes_not_worse").reason
        assert "cat" not in of(found, "classes_not_worse").reason
        assert found.outcome == "needs-review-with-warnings"

    def test_a_void_comparison_blocks(self) -> None:
        void = Void(reason="the champion was trained on 12 of 4,000 test images", seen=12)
        found = judge(measured(), void, PromotionPolicy())
        assert found.outcome == "blocked"
        assert of(found, "valid").reason == void.reason
        assert (of(found, "valid").value, of(found, "valid").bound) == (12, 0)
        assert {standing(found)[name] for name in ("better", "not_worse", "classes_not_worse")} == {"unknown"}

    def test_without_a_champion_floors_decide(self) -> None:
        assert judge(measured(), None, PromotionPolicy()).outcome == "promote-eligible"
        assert judge(measured(accuracy=0.3), None, PromotionPolicy()).outcome == "blocked"

    def test_each_further_decision_asks_for_more(self) -> None:
        chances = duel(gained=150, lost=112)
        assert standing(judge(measured(), chances, PromotionPolicy(), rank=1))["better"] == "met"
        later = judge(measured(), chances, PromotionPolicy(), use=6, rank=6)
        assert standing(later)["better"] == "missed"
        assert of(later, "ledger").standing == "missed"
        assert "decision 6" in of(later, "ledger").reason

    def test_other_images_are_refused(self) -> None:
        with pytest.raises(ValueError, match="same images"):
            Duel(np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(2, np.int64), NAMES)


class TestSeeds:
    @pytest.mark.parametrize(
        ("trainings", "asked", "expected"),
        [((0.9,), 1, "met"), ((0.9,), 3, "missed"), ((0.99, 0.985, 0.98), 3, "met"), ((0.99, 0.9, 0.91), 3, "missed")],
    )
    def test_other_seeds_are_held_against_the_champion(
        self, trainings: tuple[float, ...], asked: int, expected: str
    ) -> None:
        policy = PromotionPolicy.model_validate({"comparison": {"seeds": asked}})
        found = judge(measured(), duel(gained=150, lost=60), policy, trainings=trainings)
        assert of(found, "seeds").standing == expected


class TestFloors:
    @pytest.mark.parametrize(
        ("floors", "figures", "name", "expected"),
        [
            ({"accuracy": 0.95}, {}, "accuracy", "missed"),
            ({"accuracy": 0.9}, {}, "accuracy", "met"),
            ({"chance": 2.0}, {"accuracy": 0.49}, "chance", "missed"),
            ({"chance": 2.0}, {"accuracy": 0.94, "most_frequent": 0.9}, "chance", "missed"),
            ({"chance": 2.0}, {"accuracy": 0.96, "most_frequent": 0.9}, "chance", "met"),
            ({"worst_recall": 0.9}, {}, "worst_recall", "missed"),
            ({"ece": 0.01}, {}, "ece", "missed"),
            ({"ece": 0.01}, {"ece": None}, "ece", "unknown"),
            ({"latency": 5}, {"latency": 4.2}, "latency", "met"),
            ({"size": 5}, {"size": 6.0}, "size", "missed"),
        ],
    )
    def test_each_is_held_against_its_figure(
        self, floors: dict[str, float], figures: dict[str, Any], name: str, expected: str
    ) -> None:
        policy = PromotionPolicy.model_validate({"floors": floors})
        found = of(judge(measured(**figures), None, policy), name)
        assert found.standing == expected
        assert found.reason

    def test_what_was_not_measured_is_not_taken_for_met(self) -> None:
        policy = PromotionPolicy.model_validate({"floors": {"latency": 5}, "severity": {"latency": "block"}})
        assert judge(measured(), None, policy).outcome == "blocked"
        assert judge(measured(latency=3.0), None, policy).outcome == "promote-eligible"

    def test_the_worst_class_is_named(self) -> None:
        policy = PromotionPolicy.model_validate({"floors": {"worst_recall": 0.9}})
        assert "'bird', is 0.85; at least 0.9" in of(judge(measured(), None, policy), "worst_recall").reason


class TestPolicy:
    def test_the_file_has_every_default(self) -> None:
        assert parse(PromotionPolicy, load_yaml(POLICY), POLICY) == PromotionPolicy()
        shown = yaml.safe_load(POLICY.read_text())
        default = PromotionPolicy().model_dump()
        assert {key: set(value) for key, value in shown.items()} == {key: set(value) for key, value in default.items()}

    def test_every_criterion_has_a_severity(self) -> None:
        everything = {"accuracy": 0.5, "latency": 5, "size": 5}
        found = judge(measured(), duel(gained=9, lost=3), PromotionPolicy.model_validate({"floors": everything}))
        assert [criterion.name for criterion in found.criteria] == list(DEFAULT_SEVERITY)

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"floor": {}}, "did you mean 'floors'"),
            ({"floors": {"accuracy": 1.2}}, "floors.accuracy"),
            ({"severity": {"acuracy": "warn"}}, "no criterion 'acuracy'"),
            ({"severity": {"ece": "stop"}}, "severity"),
            ({"severity": {"valid": "warn"}}, "cannot merely warn"),
            ({"comparison": {"alpha": 0}}, "comparison.alpha"),
        ],
    )
    def test_wrong_ones_are_refused(self, given: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            parse(PromotionPolicy, given, "promotion.yaml")


def test_a_verdict_needs_criteria_of_different_names() -> None:
    one = Criterion(name="a", standing="met", severity="warn", reason="r")
    with pytest.raises(ValueError, match="different names"):
        verdict([one, one])
    with pytest.raises(ValueError, match="different names"):
        verdict([])

from __future__ import annotations

import itertools
from typing import Any

import pytest

from podium.errors import PodiumError
from podium.evaluation import build_leaderboard, select
from podium.results import DataReference, Failure, Leaderboard, Spread
from tests.evaluation.made import DIGEST, cost, metrics, summary

DATA = DataReference(name="made", path="data", digest=DIGEST)


def board(**changes: Any) -> Leaderboard:
    validation = {"good": metrics("good", correct=95), "fair": metrics("fair", correct=80)}
    arguments: dict[str, Any] = {
        "run": "r1",
        "config_name": "quick",
        "model": "pets",
        "data": DATA,
        "selection": select(list(validation.values()), "accuracy"),
        "summaries": {"good": summary("good"), "fair": summary("fair")},
        "validation": validation,
        "test": {name: metrics(name, "test", correct=85) for name in validation},
        "failures": {"broken": Failure(cause="loss is NaN", remedy="lower the learning rate")},
    }
    return build_leaderboard(**{**arguments, **changes})


def test_the_best_validation_accuracy_wins() -> None:
    selection = select([metrics("a", correct=80), metrics("b", correct=91), metrics("c", correct=90)], "accuracy")
    assert selection.selected == "b"
    assert selection.values == {"b": 0.91, "c": 0.9, "a": 0.8}


def test_loss_is_better_when_lower_and_f1_when_higher() -> None:
    first, second = metrics("a", loss=0.2, f1=0.7), metrics("b", loss=0.4, f1=0.8)
    assert select([first, second], "loss").selected == "a"
    assert select([first, second], "macro_f1").selected == "b"


def test_ties_go_to_the_lower_loss_then_to_the_name_in_any_order() -> None:
    tied = [metrics("c", loss=0.3), metrics("b", loss=0.2), metrics("a", loss=0.3), metrics("d", loss=0.2)]
    for order in itertools.permutations(tied):
        assert select(order, "accuracy").selected == "b"


@pytest.mark.parametrize("split", ["test", "train"])
def test_selection_sees_validation_figures_alone(split: Any) -> None:
    with pytest.raises(ValueError, match=f"b: {split} figures where only validation"):
        select([metrics("a"), metrics("b", split)], "accuracy")


def test_without_a_completed_candidate_there_is_one_clear_error() -> None:
    with pytest.raises(PodiumError, match="no candidate completed"):
        select([], "accuracy")


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of accuracy, macro_f1, loss"):
        select([metrics("a")], "acuracy")


def test_figures_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="two validation figures"):
        select([metrics("a"), metrics("a")], "accuracy")
    other = metrics("b").model_copy(update={"data_digest": "e" * 64})
    with pytest.raises(ValueError, match="different data"):
        select([metrics("a"), other], "accuracy")


def test_the_leaderboard_ranks_on_validation_whatever_the_test_says() -> None:
    test = {"good": metrics("good", "test", correct=70), "fair": metrics("fair", "test", correct=99)}
    result = board(test=test)
    assert [row.recipe for row in result.candidates] == ["good", "fair", "broken"]
    assert result.selected == "good"
    good, _, broken = result.candidates
    assert (good.validation_accuracy, good.test_accuracy, good.test_accuracy_low) == (0.95, 0.7, pytest.approx(0.65))
    assert (good.parameters, good.epochs, good.train_seconds) == (315_722, 3, 4.5)
    assert (broken.cause, broken.remedy) == ("loss is NaN", "lower the learning rate")
    assert broken.model_dump(exclude={"recipe", "status", "cause", "remedy"}, exclude_none=True) == {}


def test_what_was_examined_has_its_cost_and_what_was_not_has_none() -> None:
    good, fair, _ = board(costs={"good": cost(p50=2.0)}).candidates
    assert (good.flops, good.file_bytes) == (82_000_000, 1_300_000)
    assert (good.latency_p50, good.latency_p95, good.throughput) == (2.0, 3.0, 1_050.0)
    assert (good.validation_ece, good.test_ece) == (0.05, 0.05)
    assert {fair.flops, fair.file_bytes, fair.latency_p50, fair.latency_p95, fair.throughput} == {None}


def test_the_leaderboard_survives_json() -> None:
    result = board(version=3, champion=2)
    assert Leaderboard.model_validate_json(result.model_dump_json()) == result


def test_a_run_without_a_completed_candidate_has_a_leaderboard() -> None:
    result = board(selection=None, validation={}, summaries={}, test={}, metric="loss")
    assert (result.selected, result.selection_metric) == (None, "loss")
    assert [row.status for row in result.candidates] == ["failed"]


def test_before_the_test_split_is_opened_its_figures_are_null() -> None:
    assert {row.test_accuracy for row in board(test={}).candidates} == {None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection": None}, "without a selection"),
        ({"test": {"good": metrics("good")}}, "only test"),
        ({"validation": {"good": metrics("good", "test")}}, "only validation"),
        ({"failures": {"good": Failure(cause="x")}}, "good failed and"),
        ({"summaries": {"good": summary("good")}}, "fair has no summary"),
        ({"test": {"other": metrics("other", "test")}}, "other has test figures"),
        ({"validation": {"fair": metrics("fair")}, "test": {}}, "good is selected"),
        ({"data": DataReference(name="x", path="x", digest="f" * 64)}, "other data"),
    ],
)
def test_an_inconsistent_leaderboard_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        board(**changes)


def test_seeds_of_one_candidate_have_a_mean_and_a_spread() -> None:
    tried = {"both": ("good", "fair", "broken"), "lost": ("broken",)}
    both, lost = board(seeded=tried, test={"good": metrics("good", "test", correct=85)}).seeds
    assert (both.name, both.branches) == ("both", tried["both"])
    assert both.validation_accuracy is not None
    assert both.validation_accuracy.mean == pytest.approx(0.875)
    assert both.validation_accuracy.sd == pytest.approx(0.15 / 2**0.5)
    assert both.validation_accuracy.count == 2
    assert both.test_accuracy == Spread(mean=0.85, sd=None, count=1)
    assert (lost.validation_accuracy, lost.test_accuracy) == (None, None)
    assert board().seeds == ()

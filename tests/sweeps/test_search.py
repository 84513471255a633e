"""Suggestions follow from the configuration and the ended trials alone."""

from __future__ import annotations

from typing import Any

import pytest

from podium.config.sweep import SweepConfig
from podium.errors import ConfigError
from podium.sweeps import search
from podium.sweeps.results import TrialPlan, TrialResult
from podium.sweeps.search import next_round
from podium.sweeps.space import Space
from tests.sweeps.made import config, opened

LR = "trainer.learning_rate"


def play(sweep: SweepConfig, space: Space, ended: list[TrialResult] | None = None) -> list[TrialResult]:
    """Run a sweep whose trials score by their learning rate: the nearer to 0.004, the better."""
    ended = list(ended or [])
    while plans := next_round(sweep, space, ended, threads=1):
        ended += [score(plan) for plan in plans]
    return ended


def score(plan: TrialPlan) -> TrialResult:
    value = 1 - abs(plan.candidate.trainer.learning_rate - 0.004) * 50
    status = "pruned" if value < 0.7 else "completed"
    return TrialResult(number=plan.number, values=plan.values, own=plan.own, status=status, value=value, curve=(value,))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_the_same_sweep_gives_the_same_suggestions_wherever_it_was_cut_off(kind: str) -> None:
    fields: dict[str, Any] = {"trials": 9, "parallel": 2, "sampler": {"kind": kind, "startup": 3}}
    sweep, space = config(**fields), opened(**fields)
    whole = play(sweep, space)
    assert [trial.number for trial in whole] == list(range(9))
    for cut in (2, 6):
        assert play(sweep, space, whole[:cut]) == whole
    assert play(config(**fields, seed=1), space) != whole
    assert play(config(**(fields | {"trials": 11})), space)[:9] == whole, "more trials go on with the old ones"


def test_trial_0_is_the_recipe_and_the_others_have_the_same_seed() -> None:
    plans = next_round(config(parallel=3, seed=5), opened(), [], threads=2)
    assert [plan.own for plan in plans] == [True, False, False]
    assert plans[0].candidate.trainer.learning_rate == 0.001
    assert {(plan.candidate.seed, plan.candidate.threads) for plan in plans} == {(5, 2)}
    assert [plan.candidate.name for plan in plans] == ["made_000", "made_001", "made_002"]
    assert len({plan.values[LR] for plan in plans}) == 3


@pytest.mark.slow
def test_the_search_learns() -> None:
    fields: dict[str, Any] = {"trials": 24, "parallel": 1, "sampler": {"startup": 6}}
    trials = play(config(**fields), opened(**fields))
    late = [trial.value or 0 for trial in trials[12:]]
    assert max(late) > 0.98
    assert sum(late) / 12 > sum(trial.value or 0 for trial in trials[:6]) / 6


@pytest.mark.slow
def test_no_point_is_tried_twice() -> None:
    axes = {"trainer.schedule": {"choices": ["constant", "cosine"]}, "trainer.augment.crop": {"low": 0, "high": 4}}
    fields: dict[str, Any] = {"trials": 10, "parallel": 3, "sampler": {"startup": 2}}
    trials = play(config(axes, **fields), opened(axes, **fields))
    points = {tuple(trial.values.items()) for trial in trials}
    assert len(points) == len(trials) == 10


def test_failed_trials_teach_nothing_but_are_not_suggested_again() -> None:
    space, sweep = opened(), config(parallel=1, sampler={"startup": 1})
    failed = [
        TrialResult(number=number, values={LR: 0.001 + number, "trainer.schedule": "constant"}, status="failed")
        for number in range(4)
    ]
    (plan,) = next_round(sweep, space, [trial.model_copy(update={"values": v}) for trial, v in zip(
        failed, [{LR: rate, "trainer.schedule": "constant"} for rate in (0.001, 0.002, 0.003, 0.004)], strict=True
    )], threads=1)  # fmt: skip
    assert plan.number == 4
    assert plan.rivals == ()


PARTS = {
    "trainer.batch_size": {"low": 16, "high": 64, "log": True},
    "trainer.micro_batch": {"choices": [None, 16]},
}
"""All corners fit; of what lies between, only multiples of 16 go with parts of 16: 53 of 98 points."""


def without_score(sweep: SweepConfig, space: Space) -> list[dict[str, Any]]:
    """The points of a sweep whose trials are all as good."""
    ended: list[TrialResult] = []
    while plans := next_round(sweep, space, ended, threads=1):
        ended += [
            TrialResult(
                number=plan.number, values=plan.values, own=plan.own, status="completed", value=0.5, curve=(0.5,)
            )
            for plan in plans
        ]
    return [trial.values for trial in ended]


class TestRefusedPoints:
    @pytest.mark.parametrize("kind", ["tpe", "random"])
    def test_they_are_drawn_again(self, kind: str) -> None:
        fields: dict[str, Any] = {"trials": 12, "parallel": 3, "sampler": {"kind": kind}}
        points = without_score(config(PARTS, **fields), opened(PARTS, **fields))
        assert len(points) == 12
        assert all(point["trainer.micro_batch"] is None or point["trainer.batch_size"] % 16 == 0 for point in points)
        assert points == without_score(config(PARTS, **fields), opened(PARTS, **fields))

    def test_all_that_fit_are_found_and_then_one_error_says_what_was_refused(self) -> None:
        fields: dict[str, Any] = {"trials": 54, "parallel": 1, "sampler": {"kind": "random"}}
        sweep, space = config(PARTS, **fields), opened(PARTS, **fields)
        points = without_score(sweep.model_copy(update={"trials": 53}), space)
        assert len({tuple(point.items()) for point in points}) == 53
        ended = [
            TrialResult(number=number, values=values, own=False, status="completed", value=0.5, curve=(0.5,))
            for number, values in enumerate(points)
        ]
        with pytest.raises(ConfigError) as caught:
            next_round(sweep, space, ended, threads=1)
        assert "sweep made: parameters.config.space: no point was found for trial 53" in caught.value.message
        assert "trainer.micro_batch 16: trainer: micro_batch 16 does not divide batch_size" in caught.value.message
        assert "set trials to 53" in caught.value.remedy

    def test_a_space_without_end_is_searched_beyond_the_samplers_choice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sampler may have settled where everything is refused."""
        axes = {**PARTS, LR: {"low": 1e-4, "high": 1e-2}}
        ask = search._ask

        def settled(sweep: SweepConfig, *rest: Any) -> dict[str, Any]:
            stuck = {"trainer.batch_size": 62, "trainer.micro_batch": 16, LR: 0.001}
            return stuck if sweep.sampler.kind == "tpe" else ask(sweep, *rest)

        monkeypatch.setattr(search, "_ask", settled)
        values = search.suggest(config(axes), opened(axes), [], [], 3)
        assert values != settled(config(axes))
        opened(axes).apply(values)
        monkeypatch.setattr(search, "_ask", lambda *_: settled(config(axes)))
        with pytest.raises(ConfigError, match=r"trial 3 .* it refuses trainer\.batch_size 62"):
            search.suggest(config(axes), opened(axes), [], [], 3)

    def test_what_the_sampler_draws_first_is_taken_where_it_fits(self) -> None:
        """The points are those that were suggested before any were refused."""
        sweep, space = config(trials=6, parallel=2), opened(trials=6, parallel=2)
        for number in range(1, 6):
            first = search._ask(sweep, space, [], [], search._seed(sweep.seed, number, 0))
            assert search.suggest(sweep, space, [], [], number) == first

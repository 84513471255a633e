"""Suggestions follow from the configuration and the ended trials alone."""

from __future__ import annotations

from typing import Any

import pytest

from podium.config.sweep import SweepConfig
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

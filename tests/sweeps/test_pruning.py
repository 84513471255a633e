"""Hopeless trials are ended early, judged by those of earlier rounds."""

from __future__ import annotations

from typing import Any

from podium.config import Candidate
from podium.models.recipes import load_recipe
from podium.sweeps.pruning import Judge
from podium.sweeps.results import Curve, TrialPlan
from tests.sweeps.made import RECIPES

RIVALS = tuple(Curve(values=(0.5 + i / 100, 0.7 + i / 100, 0.9 + i / 100), completed=True) for i in range(4))


def judge(pruner: dict[str, Any], rivals: tuple[Curve, ...] = RIVALS, metric: str = "accuracy") -> Judge:
    candidate = Candidate(name="trial", recipe=load_recipe("simple_cnn", RECIPES))
    fields = {"sweep": "made", "number": 9, "values": {}, "candidate": candidate, "metric": metric, "rivals": rivals}
    return Judge(TrialPlan.model_validate({**fields, "pruner": pruner}))


def test_median() -> None:
    assert judge({"warm_up": 1}).see(0.4)
    assert not judge({"warm_up": 1}).see(0.6)
    late = judge({"warm_up": 3})
    assert [late.see(0.1), late.see(0.1), late.see(0.1)] == [False, False, True]
    assert late.curve == [0.1, 0.1, 0.1]
    fell = judge({"warm_up": 1})
    assert [fell.see(0.75), fell.see(0.6)] == [False, False], "the best so far counts, not a bad epoch"


def test_median_waits_for_completed_trials() -> None:
    assert not judge({"startup": 5}).see(0.0)
    pruned = tuple(curve.model_copy(update={"completed": False}) for curve in RIVALS)
    assert not judge({"startup": 1}, pruned).see(0.0)


def test_a_loss_is_better_when_it_is_lower() -> None:
    assert judge({}, metric="loss").see(0.9)
    assert not judge({}, metric="loss").see(0.1)


def test_halving() -> None:
    rivals = tuple(Curve(values=(0.5 + i / 100,), completed=False) for i in range(5)) + RIVALS[:1]
    weak, good = judge({"kind": "halving", "factor": 3}, rivals), judge({"kind": "halving", "factor": 3}, rivals)
    assert weak.see(0.51)
    assert [good.see(0.9), good.see(0.9), good.see(0.2)] == [False, False, True], "looked at after epochs 1 and 3"
    assert not judge({"kind": "halving", "warm_up": 2}, rivals).see(0.0)


def test_none() -> None:
    assert not any(judge({"kind": "none"}).see(0.0) for _ in range(5))

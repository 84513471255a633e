"""Branches of a run whose failures stay in them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podium.config import RunConfig
from podium.errors import TrainingFailed
from podium.orchestration.branches import each, examine_each, gather, require_one
from podium.results import DataReference, Failure, Leaderboard


class Step:
    """As ZenML's steps are called in a pipeline."""

    name = "examine"

    def __init__(self) -> None:
        self.submitted: list[str] = []

    def __call__(self, figures: str, id: str) -> str:
        if id == "interrupted":
            raise KeyboardInterrupt
        if id == "broken":
            raise TrainingFailed("no places", remedy="none")
        return f"{figures} examined"

    def submit(self, figures: str, id: str) -> Any:
        self.submitted.append(id)
        looks = iter([True, False])

        def running() -> bool:
            assert len(self.submitted) in (1, 3)
            return next(looks)

        return SimpleNamespace(running=running, result=lambda: self(figures, id))


def arguments(name: str, figures: str) -> dict[str, str]:
    return {"figures": figures, "id": name}


def test_a_failed_examination_is_told_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("podium.orchestration.branches.say", told.append)

    validation = {"good": "figures of good", "broken": "figures", "fair": "figures of fair"}
    done, failures = examine_each(validation, Step(), arguments)
    assert done == ["figures of good examined", "figures of fair examined"]
    assert failures == {"broken": "no places"}
    assert any("broken could not be examined" in line and "no places" in line for line in told)


@pytest.mark.parametrize("jobs", [False, True])
def test_whoever_interrupts_an_examination_ends_the_run(jobs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.orchestration.branches.is_job", lambda _: jobs)
    with pytest.raises(KeyboardInterrupt):
        examine_each({"interrupted": "figures"}, Step(), arguments)


def test_steps_that_are_jobs_run_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.orchestration.branches.is_job", lambda name: name == "examine")
    step = Step()
    done, failures = examine_each({"good": "1", "broken": "2", "fair": "3"}, step, arguments)
    assert step.submitted == ["good", "broken", "fair"], "all, before the first is waited for"
    assert (done, failures) == (["1 examined", "3 examined"], {"broken": "no places"})


LOST = TrainingFailed("the training loss became nan in epoch 1", remedy="lower the learning rate (now 100000)")
FAILURE = Failure(cause="the training loss became nan in epoch 1", remedy="lower the learning rate (now 100000)")


def test_branches_keep_the_remedy_of_who_failed_and_tell_how_the_others_ended() -> None:
    def future(outcome: Any) -> Any:
        def result() -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return SimpleNamespace(running=lambda: False, result=result)

    told: list[tuple[str, str]] = []
    progress: Any = SimpleNamespace(done=lambda *ended: told.append(ended))
    done, failures = gather({"nan": future(LOST), "good": future("model")}, progress, lambda model: f"done: {model}")
    assert (done, failures) == ({"good": "model"}, {"nan": FAILURE})
    assert told == [("nan", f"failed: {FAILURE.cause}"), ("good", "done: model")]


def test_a_candidate_that_cannot_be_evaluated_keeps_its_remedy() -> None:
    failures: dict[str, Failure] = {}
    each({"broken": "figures"}, failures, Step(), arguments)
    assert failures == {"broken": Failure(cause="no places", remedy="none")}


def test_when_all_failed_each_remedy_is_told_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path / "state"))
    candidates = [{"recipe": "simple_cnn", "seeds": [1, 2]}]
    config = RunConfig.model_validate({"name": "x", "candidates": candidates, "registry": {"model": "x"}})
    data = DataReference(name="d", path="data", digest="0" * 64)
    with pytest.raises(TrainingFailed) as caught:
        require_one({}, {"nan": FAILURE, "other": Failure(cause="x")}, run="run-1", config=config, data=data)
    assert f"  nan: {FAILURE.cause}\n    → {FAILURE.remedy}\n  other: x" in caught.value.message
    board = Leaderboard.model_validate_json((tmp_path / "state" / "runs" / "run-1" / "leaderboard.json").read_text())
    assert [row.remedy for row in board.candidates] == [FAILURE.remedy, None]
    (seeds,) = board.seeds
    assert (seeds.branches, seeds.validation_accuracy) == (("simple_cnn_seed1", "simple_cnn_seed2"), None)

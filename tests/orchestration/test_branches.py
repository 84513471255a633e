"""Branches of a run whose failures stay in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from podium.errors import TrainingFailed
from podium.orchestration.branches import examine_each


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

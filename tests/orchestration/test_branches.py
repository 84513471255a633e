"""Branches of a run whose failures stay in them."""

from __future__ import annotations

import pytest

from podium.errors import TrainingFailed
from podium.orchestration.branches import examine_each


def test_a_failed_examination_is_told_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("podium.orchestration.branches.say", told.append)

    def step(name: str, figures: str) -> str:
        if name == "broken":
            raise TrainingFailed("no places", remedy="none")
        return f"{figures} examined"

    validation = {"good": "figures of good", "broken": "figures", "fair": "figures of fair"}
    done, failures = examine_each(validation, step)
    assert done == ["figures of good examined", "figures of fair examined"]
    assert failures == {"broken": "no places"}
    assert any("broken could not be examined" in line and "no places" in line for line in told)


def test_whoever_interrupts_an_examination_ends_the_run() -> None:
    def step(name: str, figures: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine_each({"one": "figures"}, step)

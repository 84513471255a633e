"""What is drawn on the terminal holds texts of others: square brackets in them are no markup."""

from __future__ import annotations

import io
import sys

import pytest

from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.orchestration.outcome import nothing_changed, say
from podium.progress import board

HOSTILE = "cannot read [/b] of [bold]x[/]"


def candidate() -> Candidate:
    recipe = RecipeConfig(id="simple_cnn", source="here", model=ModelConfig(family="simple_cnn"))
    return Candidate(name="simple_cnn", recipe=recipe)


def test_a_cause_with_brackets_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", screen)
    monkeypatch.setenv("COLUMNS", "150")
    with board([candidate()]) as shown:
        shown.done("simple_cnn", HOSTILE)
    say(HOSTILE)
    assert screen.getvalue().count(HOSTILE) == 2


def test_steps_that_always_run_are_explained() -> None:
    assert nothing_changed("r1", 11, ["load", "register", "request_review"]) == (
        "Nothing changed since run r1: 11 steps were reused from the cache "
        "(load, register and request_review always look again)."
    )
    assert nothing_changed("r1", 3, ["load"]).endswith("(load always looks again).")
    assert nothing_changed("r1", 3, []).endswith("reused from the cache.")

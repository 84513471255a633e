"""The look before a scheduled retraining, as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from filelock import FileLock

from podium.config.retraining import RetrainingConfig
from podium.errors import NOTHING_DUE
from podium.retraining.look import look
from podium.retraining.round import history_of, looking
from podium.settings import Settings
from tests.retraining.made import events, put

PROGRAM = (
    "import runpy, sys\ntry: runpy.run_module('podium.retraining.look', run_name='__main__')\n"
    "finally: print({'zenml', 'mlflow', 'torch'} & set(sys.modules))"
)


def program(settings: Settings, parameters: dict[str, Any]) -> tuple[int, str]:
    """Exit status and output."""
    environment = os.environ | {"PODIUM_ROOT": str(settings.root)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(parameters), env=environment, text=True,
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.slow
def test_it_finds_what_the_pipeline_would_and_records_it(settings: Settings, config: RetrainingConfig) -> None:
    parameters = {"config": config.model_dump(mode="json", exclude_unset=True)}
    assert look(settings, config) == 0
    assert events(settings, config) == [], "the training begins with the driver"
    with looking(settings, config, train=True) as found:
        assert found is not None
        found.result = {"run": "r", "outcome": "blocked"}
    status, printed = program(settings, parameters)
    assert (status, printed.endswith("set()\n")) == (NOTHING_DUE, True), printed
    assert "not training: nothing has changed" in printed
    with looking(settings, config, train=True):
        pass
    assert events(settings, config) == ["started", "ended", "checked"]
    assert history_of(settings, config).entries()[-1].count == 2, "a look is a look"
    put(settings.data, 7)
    assert look(settings, config) == 0


def test_another_run_is_left_alone(settings: Settings, config: RetrainingConfig) -> None:
    (settings.state / "retraining").mkdir(parents=True)
    with FileLock(settings.state / "retraining" / "weekly.lock"):
        assert look(settings, config) == NOTHING_DUE
    assert events(settings, config) == ["overlapped"]


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, {"config": {"name": "weekly", "candidates": [{"recipe": "nowhere"}]}}])
def test_what_it_cannot_look_at_is_for_the_driver_to_tell(settings: Settings, parameters: dict[str, Any]) -> None:
    status, _ = program(settings, parameters)
    assert status not in (0, NOTHING_DUE)

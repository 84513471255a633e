"""Why a candidate failed: what an error says, also one that was made anew from its text."""

from __future__ import annotations

import pytest

from podium.errors import ConfigError, TrainingCutShort, TrainingFailed, WeightsError
from podium.failures import failure_of, may_work_next_time, told
from podium.results import Failure


def test_cause_and_remedy_are_told_apart() -> None:
    error = TrainingFailed("the loss became nan", remedy="lower the learning rate\nor mend the labels")
    known = Failure(cause="the loss became nan", remedy="lower the learning rate\nor mend the labels")
    assert failure_of(error) == known
    assert failure_of(TrainingFailed(str(error))) == known, "as ZenML makes a job's error anew"
    assert failure_of(TrainingFailed("alone")) == Failure(cause="alone")


def test_of_another_error_the_class_and_the_first_line_are_told() -> None:
    assert failure_of(RuntimeError("no memory\nat all")) == Failure(cause="RuntimeError: no memory")
    assert failure_of(ValueError()) == Failure(cause="ValueError: ")


def test_all_failures_follow_a_sentence() -> None:
    failures = {"a": Failure(cause="x", remedy="mend it"), "b": Failure(cause="y")}
    assert told(failures) == "  a: x\n    → mend it\n  b: y"
    nested = failure_of(TrainingFailed(f"all failed:\n{told(failures)}", remedy="run again"))
    assert (nested.cause, nested.remedy) == (f"all failed:\n{told(failures)}", "run again")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TrainingFailed("x"), False),
        (TrainingCutShort("x"), True),
        (ConfigError("x"), False),
        (RuntimeError("CUDA out of memory"), False),
        (OSError("disk full"), True),
        (WeightsError("x"), True),
    ],
)
def test_what_comes_from_outside_may_work_next_time(error: Exception, again: bool) -> None:
    assert may_work_next_time(error) == again


def test_a_training_that_could_not_write_may_work_next_time() -> None:
    error = TrainingFailed("it cannot be written")
    error.__context__ = OSError("disk full")
    assert may_work_next_time(error)

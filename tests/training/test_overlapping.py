"""Settings of the process that overlapping trainings share."""

from __future__ import annotations

import pytest

from podium.training.overlapping import Overlapping


def test_the_first_use_makes_it_and_the_last_one_undoes_it() -> None:
    told: list[str] = []
    setting = Overlapping(lambda: told.append("begin") or len(told), lambda before: told.append(f"end {before}"))
    first, second = setting(), setting()
    assert first.__enter__() == second.__enter__() == 1
    first.__exit__(None, None, None)
    assert told == ["begin"]
    second.__exit__(None, None, None)
    assert told == ["begin", "end 1"]
    with setting() as before:
        assert before == 3
    assert told == ["begin", "end 1", "begin", "end 3"]


def test_it_is_undone_after_an_error_and_not_begun_by_a_failure() -> None:
    told: list[str] = []
    setting = Overlapping(lambda: None, lambda _: told.append("end"))
    with pytest.raises(KeyError), setting():
        raise KeyError
    assert told == ["end"]

    def fail() -> None:
        raise BlockingIOError

    failing = Overlapping(fail, lambda _: told.append("never"))
    for _ in range(2):
        with pytest.raises(BlockingIOError), failing():
            raise AssertionError
    assert told == ["end"]

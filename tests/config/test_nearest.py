"""What a remedy says where a name is wrong."""

from __future__ import annotations

from podium.config.explain import MOST, nearest

MANY = [f"class {number:04}" for number in range(1000)]


def test_a_close_name_is_told_alone() -> None:
    assert nearest("truk", ["truck", "cat"]) == "did you mean 'truck'?"


def test_a_few_names_are_told_whole() -> None:
    assert nearest("zebra", ["truck", "cat"]) == "use one of: cat, truck"
    assert nearest("x", MANY[:MOST]).endswith(f", {MANY[MOST - 1]}")


def test_of_many_names_the_first_are_told_and_how_many_there_are() -> None:
    told = nearest("x", reversed(MANY))
    assert told.startswith("use one of: class 0000, class 0001, ")
    assert told.endswith(f", {MANY[MOST - 1]} and {len(MANY) - MOST:,} more")

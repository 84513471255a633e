"""The matrices are exact, and as the C code takes them."""

from __future__ import annotations

import itertools

import pytest

from podium.kernels import toom_cook
from podium.kernels.toom_cook import PAIRS, header, matrices


@pytest.mark.parametrize("tile", PAIRS)
def test_they_convolve_exactly(tile: int) -> None:
    made = matrices(tile)
    for tap, place, result in itertools.product(range(3), range(tile + 2), range(tile)):
        rows = zip(made.results, made.weights, made.inputs, strict=True)
        assert sum(a[result] * g[tap] * b[place] for a, g, b in rows) == (place == result + tap)


@pytest.mark.parametrize("tile", PAIRS)
def test_rows_of_a_pair_differ_by_signs_of_odd_columns_alone(tile: int) -> None:
    made = matrices(tile)
    assert 2 * made.pairs + 1 + (tile % 2 == 0) == tile + 2
    for rows in (made.results, made.weights, made.inputs):
        for row in range(1, 2 * made.pairs, 2):
            assert rows[row + 1] == [-value if place % 2 else value for place, value in enumerate(rows[row])]


@pytest.mark.parametrize("tile", PAIRS)
def test_floats_in_c_are_the_fractions_but_for_rounding(tile: int) -> None:
    given = {line.split()[3].split("[")[0]: line for line in header(tile).splitlines() if line.startswith("static")}
    for name, rows in (("RESULTS", matrices(tile).results), ("INPUTS", matrices(tile).inputs)):
        inside = given[name].split("=")[1].replace("{", " ").replace("}", " ").replace(";", " ").replace("f", "")
        assert [float(value) for value in inside.split(",")] == [float(value) for row in rows for value in row]


def test_other_tiles_are_not_known() -> None:
    with pytest.raises(KeyError):
        toom_cook.matrices(2)

"""The matrices of Winograd's convolutions, computed exactly.

F(m, 3): of n = m + 2 inputs d and 3 weights g, the m results are y = A^T [(G g) * (B^T d)]. The rows belong to n points
at which polynomials are evaluated (Toom-Cook; Winograd 1980, "Arithmetic Complexity of Computations"): 0, pairs of p
and -p, and infinity where n is even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

Matrix = list[list[Fraction]]

PAIRS: Final[dict[int, tuple[str, ...]]] = {
    3: ("1", "2"),
    4: ("1", "2"),
    5: ("1", "2", "1/2"),
    6: ("1", "2", "1/2"),
    7: ("1", "1/2", "3/2", "4"),
    8: ("1/2", "3/4", "3", "5/4"),
}
"""Results a side of a tile: points of the pairs. Those of 7 and 8 erred least of 1,820 sets of small fractions."""


@dataclass(frozen=True)
class Matrices:
    """Rows of a pair differ by the signs of their odd columns alone."""

    results: Matrix
    """A, n×m."""
    weights: Matrix
    """G, n×3."""
    inputs: Matrix
    """B^T, n×n."""
    pairs: int


@cache
def matrices(tile: int) -> Matrices:
    """Of F(tile, 3); a KeyError where none are known."""
    pairs = [Fraction(text) for text in PAIRS[tile]]
    points = [Fraction(0)] + [signed for p in pairs for signed in (p, -p)]
    a = [[p**i for i in range(tile)] for p in points]
    g = [[p**i / math.prod(p - q for q in points if q != p) for i in range(3)] for p in points]
    b = [_product([q for q in points if q != p]) for p in points]
    if tile % 2 == 0:
        a.append([Fraction(i == tile - 1) for i in range(tile)])
        g.append([Fraction(i == 2) for i in range(3)])
        b.append(_product(points))
    b = [row + [Fraction(0)] * (tile + 2 - len(row)) for row in b]
    for first in range(1, 2 * len(pairs), 2):
        if b[first][0::2] != b[first + 1][0::2]:
            b[first + 1], g[first + 1] = ([-value for value in row] for row in (b[first + 1], g[first + 1]))
    for row, _ in enumerate(b):
        for scaled, size in ((b, sum(map(abs, b[row]))), (a, math.hypot(*map(float, a[row])))):
            power = Fraction(2) ** round(math.log2(size))
            scaled[row] = [value / power for value in scaled[row]]
            g[row] = [value * power for value in g[row]]
    return Matrices(a, g, b, len(pairs))


@cache
def header(tile: int) -> str:
    """The matrices in C."""
    made = matrices(tile)
    lines = [f"#define TILE {tile}", f"#define PAIRS {made.pairs}"]
    for name, rows in (("RESULTS", made.results), ("WEIGHTS", made.weights), ("INPUTS", made.inputs)):
        values = ", ".join("{" + ", ".join(f"{float(value)!r}f" for value in row) + "}" for row in rows)
        lines.append(f"static const float {name}[{len(rows)}][{len(rows[0])}] = {{{values}}};")
    return "\n".join(lines) + "\n"


def _product(roots: list[Fraction]) -> list[Fraction]:
    """Coefficients, constant first, of the polynomial with these roots."""
    found = [Fraction(1)]
    for root in roots:
        found = [high - root * low for high, low in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found

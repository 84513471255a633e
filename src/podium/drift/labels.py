"""Do the classes come in the same shares, and are there classes that one side lacks altogether?"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.drift.results import TestResult
from podium.report.text import THIN, listing, percent

_SHOWN: Final = 5
_EXPECTED: Final = 5.0
_BLOCK: Final = 512

CHI_SQUARE: Final = "chi-square"
MONTE_CARLO: Final = "chi-square, Monte-Carlo p-value"


def chi_square(table: NDArray[np.int64]) -> float:
    """Pearson's statistic of a 2×C table of counts (classes without any image do not count)."""
    return float(_statistics(table[:, table.sum(axis=0) > 0])[0])


def is_sparse(table: NDArray[np.int64]) -> bool:
    """Whether the chi-square distribution is no safe approximation.

    Cochran's rule (1954): no expected count below 1, and at most a fifth of them below 5.
    """
    seen = table[:, table.sum(axis=0) > 0]
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    return bool(expected.min() < 1 or (expected < _EXPECTED).mean() > 0.2)


def homogeneity(table: NDArray[np.int64], *, draws: int, seed: int) -> tuple[float, float, str]:
    """Test that both rows of counts come from one distribution.

    Args:
        table: int64 2×C: counts of each class, reference and current; both sums are positive.
        draws: Tables drawn with the same margins where counts are small (Patefield 1981, Hope 1968).
        seed: Of these.

    Returns:
        Pearson's statistic, the p-value, and the method.
    """
    from scipy import stats  # takes a second

    seen = table[:, table.sum(axis=0) > 0]
    observed = chi_square(table)
    if seen.shape[1] < 2:
        return 0.0, 1.0, CHI_SQUARE
    if not is_sparse(table):
        return observed, float(stats.chi2.sf(observed, seen.shape[1] - 1)), CHI_SQUARE
    rng = np.random.default_rng(seed)
    total = seen.sum(axis=0)
    above = 0
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        drawn = rng.multivariate_hypergeometric(total, int(seen[1].sum()), size=size, method="marginals")
        tables = np.stack([total - drawn, drawn], axis=1)
        above += int((_statistics(tables) >= observed * (1 - 1e-12)).sum())
    return observed, (above + 1) / (draws + 1), MONTE_CARLO


def _statistics(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Pearson's statistic of tables …×2×C that have no empty column."""
    rows = tables.sum(axis=-1, keepdims=True).astype(np.float64)
    columns = tables.sum(axis=-2, keepdims=True)
    expected = rows * columns / rows.sum(axis=-2, keepdims=True)
    return np.atleast_1d(((tables - expected) ** 2 / expected).sum(axis=(-2, -1)))


def total_variation(table: NDArray[np.int64]) -> float:
    """Half the sum of the absolute differences of class shares: 0 for equal shares, 1 for no class in common."""
    shares = table / table.sum(axis=1, keepdims=True)
    return min(1.0, float(np.abs(shares[0] - shares[1]).sum() / 2))


def label_tests(
    table: NDArray[np.int64], names: tuple[str, ...], *, minimum: float, draws: int, seed: int
) -> tuple[TestResult, TestResult]:
    """Test the class shares as a whole, and every class that stands on one side alone.

    The second test is Fisher's exact one for each such class, with Bonferroni's correction for all classes. It has no
    minimum effect: a class that went missing, or a new one, is never a small matter.

    Args:
        table: int64 2×C: counts, reference and current.
        names: Of the C classes.
        minimum: Least total variation distance that counts as drift.
        draws: Of tables, where counts are small.
        seed: Of these.
    """
    return shares_test("labels", table, names, minimum=minimum, draws=draws, seed=seed), _presence(table, names)


def shares_test(
    name: str, table: NDArray[np.int64], names: tuple[str, ...], *, minimum: float, draws: int, seed: int
) -> TestResult:
    """Test whether the classes come in the same shares; arguments as for ``label_tests``.

    With the classes that a classifier predicts, where there are no labels, this is black box shift detection (Lipton,
    Wang & Smola 2018): valid whatever the classifier, and the stronger the better it is.
    """
    counts = [int(n) for n in table.sum(axis=1)]
    statistic, p, method = homogeneity(table, draws=draws, seed=seed)
    shares = table / table.sum(axis=1, keepdims=True)
    moved = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:2]
    changes = [
        f"{names[i]} {percent(float(shares[0, i]))} → {percent(float(shares[1, i]))}{THIN}%"
        for i in moved
        if shares[0, i] != shares[1, i]
    ]
    what = "" if name == "labels" else "predicted "
    return TestResult(
        group="labels", name=name, method=method, statistic=statistic, p_value=p, effect=total_variation(table),
        effect_name="total variation distance", effect_minimum=minimum, detail=what + ", ".join(changes),
        reference_count=counts[0], current_count=counts[1],
    )  # fmt: skip


def _presence(table: NDArray[np.int64], names: tuple[str, ...]) -> TestResult:
    from scipy import stats  # takes a second

    counts = [int(n) for n in table.sum(axis=1)]
    seen = int((table.sum(axis=0) > 0).sum())
    found: dict[int, float] = {}
    for i in np.flatnonzero((table == 0).any(axis=0) & (table.sum(axis=0) > 0)):
        pair = [[int(table[side, i]), counts[side] - int(table[side, i])] for side in (0, 1)]
        found[int(i)] = min(1.0, seen * float(stats.fisher_exact(pair).pvalue))
    least = min(found.values(), default=1.0)
    # Named are the classes that would be significant by themselves, or else the most striking one.
    named = [i for i, p in found.items() if p <= max(0.05, least)] if least < 1 else []
    details = [
        _listed([names[i] for i in named if table[side, i] == 0], word)
        for side, word in ((1, "missing"), (0, "new"))
    ]  # fmt: skip
    share = max((float(table[:, i].max() / counts[int(table[:, i].argmax())]) for i in found), default=0.0)
    return TestResult(
        group="labels", name="classes", method="Fisher's exact test of classes on one side alone, Bonferroni",
        statistic=float(len(found)), p_value=least, effect=share, effect_name="largest share of such a class",
        effect_minimum=0.0, detail="; ".join(filter(None, details)),
        reference_count=counts[0], current_count=counts[1],
    )  # fmt: skip


def _listed(names: list[str], word: str) -> str:
    if not names:
        return ""
    shown = names[:_SHOWN] + ([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])
    return f"{'class' if len(names) == 1 else 'classes'} {listing(shown)} {word}"

"""What the tests can find at all with so many images: the least effect that each finds with probability 0.8.

The figures are bounds that hold at Holm's first step, ``alpha`` over the number of tests, whatever the other tests
find. They are on the safe side for distributions and class shares of any form, so most drift of that effect is found
more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

from podium.drift.results import TestResult
from podium.report.text import listing, plural, significant

POWER: Final = 0.8
FEW: Final = 500
"""Images a side at which the power on photographs was measured (``docs/design/drift.md``)."""
UNLABELLED: Final = 2000
"""Images a side that a missing class took to be found through predictions, measured in the same place."""
_Z: Final = NormalDist().inv_cdf(POWER)


def detectable_distance(reference: int, current: int, *, level: float, minimum: float) -> float | None:
    """Least Kolmogorov-Smirnov distance D between two distributions that is found.

    The test's critical distance is that of the asymptotic bound (Massey 1951); at the place of the largest gap the
    observed gap is D with a standard error of at most ½ √(1/n + 1/m).
    """
    scale = math.sqrt(1 / reference + 1 / current)
    critical = math.sqrt(-math.log(level / 2) / 2) * scale
    return _possible(max(critical, minimum) + _Z * scale / 2)


def detectable_variation(
    reference: int, current: int, classes: int, *, level: float, minimum: float
) -> float | None:  # fmt: skip
    """Least total variation distance d of class shares that the chi-square test finds.

    Its noncentrality is at least 4 d² n m / (n + m), whatever the shares are (Cauchy-Schwarz).

    Args:
        reference: n.
        current: m.
        classes: Those with images on either side.
        level: Of this test.
        minimum: Least observed distance that counts as drift.
    """
    from scipy import optimize, stats  # takes a second

    if classes < 2:
        return None
    freedom = classes - 1
    critical = float(stats.chi2.isf(level, freedom))

    def missed(noncentrality: float) -> float:
        return float(stats.ncx2.sf(critical, freedom, noncentrality)) - POWER

    noncentrality = float(optimize.brentq(missed, 1e-6, 10 * (critical + 10)))
    scale = math.sqrt(1 / reference + 1 / current)
    return _possible(max(math.sqrt(noncentrality) * scale / 2, minimum + _Z * scale / 2))


def detectable_class(reference: int, current: int, classes: int, *, level: float) -> float | None:
    """Least share of a class of the reference whose absence on the current side is found by Fisher's exact test.

    Arguments as for ``detectable_variation``; None if no class can be found missing, however large.
    """
    from scipy import stats  # takes a second

    def found(images: int) -> bool:
        p = float(stats.fisher_exact([[images, reference - images], [0, current]]).pvalue)
        return p * classes <= level

    if not found(reference):
        return None
    low, needed = 0, reference
    while needed - low > 1:
        middle = (low + needed) // 2
        low, needed = (low, middle) if found(middle) else (middle, needed)
    # The share s of which n images hold at least so many with that probability.
    return float(stats.beta.ppf(POWER, needed, reference - needed + 1))


def detectable_area(deviation: float, *, level: float, minimum: float) -> float | None:
    """Least area under the ROC curve that the classifier two-sample test finds.

    Args:
        deviation: Standard deviation of the area over the permutations.
        level: Of this test.
        minimum: Least area that counts as drift.
    """
    from scipy import stats  # takes a second

    return _possible(max(0.5 + float(stats.norm.isf(level)) * deviation, minimum) + _Z * deviation)


def with_detectable(results: Sequence[TestResult], *, level: float, classes: int, deviation: float) -> list[TestResult]:
    """Fill in what each test can find.

    Args:
        results: All tests of a report.
        level: ``alpha`` over their number.
        classes: That have images on either side.
        deviation: As for ``detectable_area``.
    """
    return [
        result.model_copy(update={"detectable": _of(result, level, classes, deviation)}) for result in results
    ]  # fmt: skip


def _of(result: TestResult, level: float, classes: int, deviation: float) -> float | None:
    sizes = (result.reference_count, result.current_count)
    if result.group == "pixels":
        return detectable_distance(*sizes, level=level, minimum=result.effect_minimum)
    if result.group == "embedding":
        return detectable_area(deviation, level=level, minimum=result.effect_minimum)
    if result.name == "classes":
        return detectable_class(*sizes, classes, level=level)
    return detectable_variation(*sizes, classes, level=level, minimum=result.effect_minimum)


def _written(name: str, value: float) -> str:
    return f"{significant(100 * value, 2)} %" if name == "classes" else significant(value, 2)


def _possible(effect: float) -> float | None:
    """Effects of 1 and more do not exist: the test cannot find anything with that probability."""
    return effect if effect < 1 else None


_WORDS: Final = (
    ("labels", "class shares that differ by {}"),
    ("classes", "a missing class of {} of the images"),
    ("predictions", "predicted shares that differ by {}"),
    ("brightness", "a pixel statistic at a distance of {}"),
    ("embedding", "features at an area of {}"),
)


def warnings(results: Sequence[TestResult], *, reference: int, current: int, labelled: bool) -> tuple[str, ...]:
    """Say what may go unseen.

    Args:
        results: With ``detectable``.
        reference: Images compared.
        current: Likewise.
        labelled: Whether both sides have labels.
    """
    told = []
    sizes = f"{plural(reference, 'image')} against {current:,}"
    if min(reference, current) < FEW:
        least = {result.name: result.detectable for result in results}
        effects = [
            words.format("–" if (value := least[name]) is None else _written(name, value))
            for name, words in _WORDS
            if name in least
        ]
        told.append(
            f"Few images ({sizes}): smaller drift may go unseen. Found with probability {POWER:g} or more:"
            f" {listing(effects)}. Power was measured from {FEW:,} images a side on."
        )
    if not labelled:
        predicted = any(result.name == "predictions" for result in results)
        if predicted and min(reference, current) < UNLABELLED:
            told.append(
                "Without labels a missing class is seen through predictions alone: with a champion of 55 % accuracy"
                f" that took {UNLABELLED:,} images a side; here are {sizes}."
            )
        elif not predicted:
            told.append("Without labels and predictions a missing class may go unseen, however many images there are.")
    return tuple(told)

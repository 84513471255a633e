"""Drift: is what ``podium drift`` calls detectable detected, and how large is it?

    python benchmarks/drift_power.py [--draws 1000] [--seed 0]

For some numbers of images a side: the least effect that each test is said to find with probability 0.8 at Holm's first
step (level 0.05 over eleven tests), with the default minima and ten classes, and the share of simulated draws that
found drift of just that effect. Pixel statistics are normal and shifted; class shares are equal and moved evenly from
one half of the classes to the other, which chi-square finds worst; features are normal in four dimensions, shifted in
one so far that the expected area is the detectable one. Prints Markdown; needs no images.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from podium.drift import DriftConfig
from podium.drift.embedding import Embedding, classifier_test
from podium.drift.labels import label_tests
from podium.drift.power import detectable_area, detectable_class, detectable_distance, detectable_variation
from podium.training.hardware import describe_hardware

SIZES = (50, 100, 200, 500, 1000, 2000)
CLASSES = 10
CONFIG = DriftConfig()
LEVEL = CONFIG.alpha / 11
LEAST = CONFIG.minimum
DIMENSIONS = 4
PERMUTATIONS = CONFIG.permutations_for(11)
EMBEDDING_DRAWS = 100

Draw = Callable[[np.random.Generator], bool]


def rate(draw: Draw, draws: int, seed: Sequence[int]) -> float:
    """Share of the draws that found drift."""
    return float(np.mean([draw(np.random.default_rng([*seed, index])) for index in range(draws)]))


def pixels(size: int, distance: float) -> Draw:
    """Normal values, shifted by so much that the distributions have this Kolmogorov-Smirnov distance."""
    shift = 2 * stats.norm.ppf((1 + distance) / 2)

    def draw(rng: np.random.Generator) -> bool:
        found = stats.ks_2samp(rng.normal(0, 1, size), rng.normal(shift, 1, size))
        return bool(found.pvalue <= LEVEL and found.statistic >= LEAST.pixels)

    return draw


def labels(size: int, test: int, before: NDArray[np.float64], after: NDArray[np.float64]) -> Draw:
    """Counts of both sides from given class shares; ``test`` is 0 for the shares and 1 for missing classes."""
    names = tuple(map(str, range(len(before))))

    def draw(rng: np.random.Generator) -> bool:
        table = np.stack([rng.multinomial(size, before), rng.multinomial(size, after)])
        found = label_tests(table, names, minimum=LEAST.labels, draws=PERMUTATIONS, seed=0)[test]
        return found.p_value <= LEVEL and found.effect >= found.effect_minimum

    return draw


def embedded(size: int, shift: float, seed: int, permutations: int) -> Embedding:
    """Normal features, one dimension of which is shifted on the current side."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(0, 1, (2, size, DIMENSIONS))
    sides[1, :, 0] += shift
    return classifier_test(sides[0], sides[1], permutations=permutations, seed=seed)


def shift_of(size: int, area: float, seed: int) -> float:
    """The shift whose expected cross-fitted area is the given one, by bisection over the same 40 draws."""
    low, high = 0.0, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        mean = np.mean([embedded(size, middle, seed + index, 1).auc for index in range(40)])
        low, high = (middle, high) if mean < area else (low, middle)
    return (low + high) / 2


def area(size: int, seed: int) -> tuple[float, float]:
    """The detectable area, and how often drift of that area is found."""
    deviation = embedded(size, 0, seed, PERMUTATIONS).null_deviation
    least = detectable_area(deviation, level=LEVEL, minimum=LEAST.embedding)
    assert least is not None
    shift = shift_of(size, least, seed + 10_000)
    runs = [embedded(size, shift, seed + 20_000 + index, PERMUTATIONS) for index in range(EMBEDDING_DRAWS)]
    return least, float(np.mean([run.p_value <= LEVEL and run.auc >= LEAST.embedding for run in runs]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.perf_counter()
    equal = np.full(CLASSES, 1 / CLASSES)
    halves = np.repeat([1.0, -1.0], CLASSES // 2) * 2 / CLASSES
    print("| a side | pixel statistic | found | class shares | found | missing class | found | embedding | found |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in SIZES:
        distance = detectable_distance(size, size, level=LEVEL, minimum=LEAST.pixels)
        variation = detectable_variation(size, size, CLASSES, level=LEVEL, minimum=LEAST.labels)
        share = detectable_class(size, size, CLASSES, level=LEVEL)
        assert distance is not None
        assert variation is not None
        assert share is not None
        moved = (equal + variation * halves).clip(0)
        others = np.full(CLASSES - 1, 1 / (CLASSES - 1))
        draws = (
            pixels(size, distance),
            labels(size, 0, equal, moved / moved.sum()),
            labels(size, 1, np.array([share, *(1 - share) * others]), np.array([0, *others])),
        )
        found = [rate(draw, given.draws, (given.seed, size, test)) for test, draw in enumerate(draws)]
        effects = [f"{distance:.2f}", f"{variation:.2f}", f"{100 * share:.1f} %"]
        least, seen = area(size, given.seed)
        cells = [f"{e} | {100 * f:.0f} %" for e, f in zip([*effects, f"{least:.2f}"], [*found, seen], strict=True)]
        print(f"| {size:,} | {' | '.join(cells)} |", flush=True)
    print(f"\n{given.draws} draws ({EMBEDDING_DRAWS} of the embedding), seed {given.seed};", end=" ")
    print(f"{time.perf_counter() - started:.0f} s; {describe_hardware()}")


if __name__ == "__main__":
    main()

"""Which two-sample test on a network's features finds most? Ours against the alternatives, on the same draws.

    python benchmarks/drift_embedding.py [--data ../shared/data] [--draws 100] [--size 500]

- ours: classifier two-sample test, ridge regression, cross-fitted and refitted for every permutation;
- held out: the same as published (Lopez-Paz & Oquab 2017): a logistic regression is fitted on one half, the labels of
  the other half are permuted;
- MMD: maximum mean discrepancy with a Gaussian kernel at the median distance (Gretton et al. 2012), unbiased,
  permutations on the precomputed kernel.

Drifts are weak ones, for strong ones all tests find. Prints the share of draws with p ≤ 0.05 and with p ≤ 0.005,
and the seconds a test.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import drift as bench  # the script beside this one; sets OMP_NUM_THREADS before NumPy is imported
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter
from sklearn.linear_model import LogisticRegression

from podium.drift.embedding import classifier_test, roc_areas
from podium.training.hardware import describe_hardware

Vectors = NDArray[np.float32]
PERMUTATIONS = 999
LEVELS = (0.05, 0.005)
"""Alone, and as the first of ten tests under Holm."""
POOL: dict[str, Vectors] = {}
LABELS: list[NDArray[np.int64]] = []

bench.VERSIONS.update(
    {
        "brightness × 0.9": lambda images: (images * 0.9).round().astype(np.uint8),
        "slight blur": lambda images: bench._each(images, lambda one: one.filter(ImageFilter.GaussianBlur(0.4))),
    }
)
CASES = ("as it is", "brightness × 0.9", "slight blur", "JPEG", "a class is missing")


def ours(a: Vectors, b: Vectors, seed: int) -> float:
    """The test of ``podium drift``."""
    return classifier_test(a, b, permutations=PERMUTATIONS, seed=seed).p_value


def held_out(a: Vectors, b: Vectors, seed: int) -> float:
    """Fit on one half, test on the other."""
    rng = np.random.default_rng(seed)
    x, y = standardized(a, b), np.repeat([0, 1], [len(a), len(b)])
    order = rng.permutation(len(y))
    train, test = np.array_split(order, 2)
    scores = LogisticRegression(C=0.1, max_iter=300).fit(x[train], y[train]).decision_function(x[test])
    columns = np.stack([y[test], *(rng.permutation(y[test]) for _ in range(PERMUTATIONS))], axis=1)
    areas = roc_areas(np.repeat(scores[:, None], columns.shape[1], axis=1), columns)
    return p_value(areas)


def mmd(a: Vectors, b: Vectors, seed: int) -> float:
    """Kernel test with the median heuristic."""
    rng = np.random.default_rng(seed)
    x, n, m = standardized(a, b), len(a), len(b)
    squares = (x**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
    kernel = np.exp(-distances / np.median(distances[np.triu_indices(len(x), 1)]))
    np.fill_diagonal(kernel, 0)
    side = np.repeat(np.array([0, 1], np.float32), [n, m])
    sides = np.stack([side, *(rng.permutation(side) for _ in range(PERMUTATIONS))], axis=1)
    product = kernel @ sides
    within = (sides * product).sum(axis=0)
    across = product.sum(axis=0) - within
    rest = kernel.sum() - within - 2 * across
    return p_value(within / (m * (m - 1)) + rest / (n * (n - 1)) - 2 * across / (n * m))


def standardized(a: Vectors, b: Vectors) -> Vectors:
    """Over both sides together."""
    both = np.concatenate([a, b])
    return (both - both.mean(axis=0)) / np.maximum(both.std(axis=0), 1e-6)


def p_value(values: NDArray[np.floating]) -> float:
    """Of the first value among all."""
    return float((1 + (values[1:] >= values[0] - 1e-9).sum()) / len(values))


TESTS: dict[str, Callable[[Vectors, Vectors, int], float]] = {"ours": ours, "held out": held_out, "MMD": mmd}


def draw(task: tuple[str, int, int]) -> dict[str, tuple[float, float]]:
    """p-value and seconds of every test."""
    case, size, seed = task
    order = np.random.default_rng([seed, size]).permutation(len(LABELS[0]))
    rest = order[size:]
    version = case
    if case == "a class is missing":
        rest, version = rest[LABELS[0][rest] != seed % 10], "as it is"
    a, b = POOL["as it is"][order[:size]], POOL[version][rest[:size]]
    found = {}
    for name, test in TESTS.items():
        start = time.perf_counter()
        found[name] = (test(a, b, seed), time.perf_counter() - start)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--size", type=int, default=500)
    arguments = parser.parse_args()
    print(f"{describe_hardware()}; {arguments.size} images a side, {arguments.draws} draws\n")
    source = bench.cifar_champion(arguments.data)
    images, labels = bench.read(arguments.data / "cifar10-train.parquet", 12_000, 20_000)
    LABELS.append(labels)
    POOL.update({name: source.extract(bench.VERSIONS[name](images)).vectors for name in CASES[:-1]})
    print("\n| drift | " + " | ".join(TESTS) + " |\n|---|" + "---|" * len(TESTS))
    seconds: dict[str, list[float]] = {name: [] for name in TESTS}
    with ProcessPoolExecutor(mp_context=get_context("fork")) as workers:
        for case in CASES:
            outcomes = list(workers.map(draw, [(case, arguments.size, seed) for seed in range(arguments.draws)]))
            shares = []
            for name in TESTS:
                values = np.array([outcome[name][0] for outcome in outcomes])
                shares.append(" / ".join(f"{100 * np.mean(values <= level):.0f} %" for level in LEVELS))
                seconds[name] += [outcome[name][1] for outcome in outcomes]
            print(f"| {'none' if case == 'as it is' else case} | {' | '.join(shares)} |", flush=True)
    print("| seconds, median | " + " | ".join(f"{np.median(values):.2f}" for values in seconds.values()) + " |")


if __name__ == "__main__":
    main()

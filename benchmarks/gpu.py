"""Podium's recipe beside the public record holder's package, on a GPU, in turn on the same images.

    python benchmarks/gpu.py DATA [--recipe speedrun] [--seeds 0 1 2]

DATA is CIFAR-10, imported. Both train on its train split and are measured once on its test split, each with its own
test-time views. The package (airbench, MIT licence) is measured where it is installed: `uv pip install --no-deps
airbench`; it is no dependency. Each has one training before that is not counted (kernels are chosen and compiled),
then they take turns, a seed a round. Seconds are by the clock: of the package, the call of its `train94`; of Podium,
the device time of the training - which includes a validation after each epoch -, and in brackets the whole call, with
checkpoints and start. Prints Markdown; without a GPU it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import record_package  # beside this script
import torch

from podium.config import Candidate, RecipeConfig
from podium.data import Dataset, open_dataset
from podium.errors import ConfigError, PodiumError
from podium.evaluation.evaluate import evaluate
from podium.models.contracts import contract_for
from podium.models.recipes import load_recipe
from podium.training import train
from podium.training.hardware import describe_hardware

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "airbench"


class Run(NamedTuple):
    """One training."""

    seconds: float
    whole: float
    """Of the call, where it does more than train."""
    accuracy: float
    """On the test split."""


def podium(recipe: RecipeConfig, dataset: Dataset, seed: int, work: Path) -> Run:
    """Train and test; ``work`` keeps what was found to be fastest."""
    candidate = Candidate(name=recipe.id, recipe=recipe, seed=seed)
    contract = contract_for(candidate, dataset.manifest)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        bundle = train(candidate, dataset, contract, work=Path(folder), tuning=work / "tuning")
    whole = time.perf_counter() - start
    return Run(bundle.summary.train_seconds, whole, evaluate(bundle, dataset, "test").metrics.accuracy)


def package(folder: Path, seed: int) -> Run:
    """The same of the record holder's package."""
    module = importlib.import_module(PACKAGE)
    torch.cuda.synchronize()
    start = time.perf_counter()
    net = record_package.train(module, folder, seed)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return Run(seconds, seconds, record_package.accuracy(module, folder, net))


def row(name: str, runs: Sequence[Run], base: float | None) -> str:
    """A line of the table; ``base`` are the median seconds of the package."""

    def mean(values: Sequence[float], digits: int) -> str:
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.{digits}f}{spread}"

    seconds = [run.seconds for run in runs]
    whole = statistics.median(run.whole for run in runs)
    ratio = f"{statistics.median(seconds) / base:.2f}" if base else ""
    accuracies = mean([run.accuracy for run in runs], 4)
    return f"| {name} | {statistics.median(seconds):.2f} ({whole:.2f}) | {ratio} | {accuracies} | {len(runs)} |"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="speedrun")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    try:
        if not torch.cuda.is_available():
            raise ConfigError("no GPU is at hand", remedy="run this on a machine with CUDA")
        measure(load_recipe(arguments.recipe, ROOT / "configs" / "recipes"), open_dataset(arguments.data), arguments)
    except PodiumError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def measure(recipe: RecipeConfig, dataset: Dataset, arguments: argparse.Namespace) -> None:
    """Take turns."""
    there = importlib.util.find_spec(PACKAGE) is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        podium(recipe, dataset, 1 + max(arguments.seeds), folder)
        if there:
            record_package.write_files(dataset, folder)
            record_package.warm_up(importlib.import_module(PACKAGE), folder)
            package(folder, 1 + max(arguments.seeds))
        ours, theirs = [], []
        for seed in arguments.seeds:
            ours.append(podium(recipe, dataset, seed, folder))
            theirs += [package(folder, seed)] if there else []
    print(f"{describe_hardware()}; {dataset.manifest.name}, digest {dataset.manifest.digest[:16]}\n")
    print("| training | seconds (whole call) | of the package's | test accuracy | seeds |\n|---|---|---|---|---|")
    base = statistics.median(run.seconds for run in theirs) if theirs else None
    print(row(f"Podium, `{recipe.id}`", ours, base))
    print(row(f"{PACKAGE} {importlib.metadata.version(PACKAGE)}", theirs, base) if there else f"\n{PACKAGE}: not there")


if __name__ == "__main__":
    sys.exit(main())

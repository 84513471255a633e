"""What the from-scratch recipes reach: each trained as it stands, with several seeds, measured on the test split.

    python benchmarks/recipes.py DATA --work DIR --recipes ID... [--seeds 0 1 2] [--threads 1] [--epochs N] [--table]

DATA is an imported data set. Trainings run one after the other, each in a process of its own; results are kept below
DIR, so that the same command goes on where it was stopped (SIGTERM, Ctrl-C: after a step; killed: after an epoch) and
trains again only what has changed: recipe, seed, threads, data. --epochs replaces the recipes' epochs; --table prints
what is there. Prints Markdown: accuracies are means with the standard deviation over the seeds (n - 1), and each
seed's in their order; recall of the class that is recognized worst, on average over the seeds; minutes and CPU minutes
(of all threads, over all attempts) of a seed, validation after each epoch included; images/s by the clock; the
greatest peak memory of a process, whose pages of the mapped images count.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recipe_training import Result, Task, folder_of  # beside this script

from podium.config import Candidate, RecipeConfig
from podium.data import Dataset, open_dataset
from podium.errors import INTERRUPTED, REQUEUE, PodiumError
from podium.models.recipes import resolve_recipe
from podium.results import TrainingSummary
from podium.training.stopping import Request, heeding_signals

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = (
    "recipe", "source", "published", "validation", "test", "each seed's test", "macro F1", "worst class (recall)",
    "epochs", "minutes", "CPU minutes", "images/s", "peak MiB", "precision",
)  # fmt: skip


def main() -> int:
    """Train and print; the exit status tells whether all was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--recipes-dir", type=Path, default=ROOT / "configs" / "recipes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    arguments = parser.parse_args()
    status = 0
    try:
        dataset = open_dataset(arguments.data)
        changes = {} if arguments.epochs is None else {"epochs": arguments.epochs}
        recipes = [
            resolve_recipe(name, [changes], arguments.recipes_dir, file="command line", path="--epochs")
            for name in arguments.recipes
        ]
        candidates = {
            recipe.id: [
                Candidate(name=recipe.id, recipe=recipe, seed=seed, threads=arguments.threads)
                for seed in arguments.seeds
            ]
            for recipe in recipes
        }
    except PodiumError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if not arguments.table:
        trained = [c for of_recipe in candidates.values() for c in of_recipe]
        digest = dataset.manifest.digest
        tasks = [(Task(candidate=c), folder_of(arguments.work, c, digest)) for c in trained]
        status = train_all(tasks, dataset.path)
        if status in (INTERRUPTED, REQUEUE):
            return status
    results = {
        name: [Result.load(folder_of(arguments.work, c, dataset.manifest.digest)) for c in of_recipe]
        for name, of_recipe in candidates.items()
    }
    print_all(recipes, results, dataset, arguments.threads)
    return status


def train_all(tasks: Sequence[tuple[Task, Path]], data: Path) -> int:
    """Train what has no result in its folder yet.

    Returns:
        0, the status of a stop, or 1 if one failed (the others go on).
    """
    status = 0
    for number, (task, folder) in enumerate(tasks, 1):
        if Result.load(folder):
            continue
        print(f"{number}/{len(tasks)}: {task.candidate.name}, seed {task.candidate.seed}", file=sys.stderr)
        with heeding_signals() as stop:
            code = train_one(task, data, folder, stop)
            if code in (INTERRUPTED, REQUEUE):
                stop.heeded = True
                return code
            if stop():  # the training had ended before it could be told
                return stop.error(task.candidate.name, "on demand").exit_code
        status = status or int(code != 0)
    return status


def train_one(task: Task, data: Path, folder: Path, stop: Request) -> int:
    """Exit status of the training's process, which is asked to save its state once ``stop`` says so."""
    script = Path(__file__).with_name("recipe_training.py")
    with subprocess.Popen([sys.executable, script, data, folder], stdin=subprocess.PIPE, text=True) as child:
        assert child.stdin
        child.stdin.write(task.model_dump_json() + "\n")
        child.stdin.flush()
        while child.poll() is None:
            if stop():
                child.stdin.close()
            try:
                child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
    return child.returncode


def print_all(
    recipes: Sequence[RecipeConfig], results: Mapping[str, Sequence[Result | None]], dataset: Dataset, threads: int
) -> None:
    """Print how it was measured, and the table."""
    found = [result for of_recipe in results.values() for result in of_recipe if result]
    sizes = ", ".join(f"{len(dataset[name]):,} {name}" for name in ("train", "validation"))
    tested = f", {found[0].test.count:,} test" if found else ""  # the split itself is left closed
    for hardware in dict.fromkeys(result.hardware for result in found):
        print(f"{hardware}; {threads} threads a training;")
    print(f"{dataset.manifest.name}, digest {dataset.manifest.digest[:16]}: {sizes}{tested} images;")
    print(f"`python {shlex.join(['benchmarks/recipes.py', *sys.argv[1:]])}`")
    if len({result.code for result in found}) > 1:
        print("Trained by several versions of the code.")
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for recipe in recipes:
        print(f"| {' | '.join(row(recipe, results[recipe.id]))} |")


def row(recipe: RecipeConfig, results: Sequence[Result | None]) -> list[str]:
    """The cells of a recipe's line in the table."""
    published = "" if recipe.published_accuracy is None else accuracy(recipe.published_accuracy)
    done = [result for result in results if result]
    if not done:
        return [f"`{recipe.id}`", recipe.source, published, "not measured", *[""] * (len(COLUMNS) - 4)]

    def mean(value: Callable[[Result], float], show: Callable[[float], str]) -> str:
        values = [value(result) for result in done]
        middle = show(statistics.mean(values))
        return f"{middle} ± {show(statistics.stdev(values))}" if len(values) > 1 else middle

    names = [metrics.name for metrics in done[0].test.per_class]
    recalls = [statistics.mean(r.test.per_class[i].recall for r in done) for i in range(len(names))]
    worst = min(range(len(names)), key=recalls.__getitem__)
    missing = len(results) - len(done)
    return [
        f"`{recipe.id}`" + (f" ({missing} seeds missing)" if missing else ""),
        recipe.source,
        published,
        mean(lambda r: r.validation.accuracy, accuracy),
        mean(lambda r: r.test.accuracy, accuracy),
        ", ".join(accuracy(r.test.accuracy) if r else "-" for r in results),
        mean(lambda r: r.test.macro_f1, accuracy),
        names[worst].replace("|", r"\|") + f" ({accuracy(recalls[worst])})",
        ", ".join(f"{r.summary.epochs}{' (stopped)' if r.summary.stopped_early else ''}" for r in done),
        mean(lambda r: r.summary.train_seconds / 60, "{:.1f}".format),
        mean(lambda r: r.cpu_seconds / 60, "{:.1f}".format),
        mean(lambda r: r.summary.images_per_second, "{:,.0f}".format),
        f"{max(r.summary.peak_memory or 0 for r in done) / 2**20:,.0f}",
        ", ".join(dict.fromkeys(_run(r.summary) for r in done)),
    ]


def _run(summary: TrainingSummary) -> str:
    more = [name for name in ("compiled", "kernels") if getattr(summary, name)]
    return " ".join([summary.precision, *more])


def accuracy(value: float) -> str:
    """.9123"""
    return f"{value:.4f}".removeprefix("0")


if __name__ == "__main__":
    sys.exit(main())

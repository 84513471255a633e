"""Does transfer from the embedded backbone beat the same network from scratch, with few labelled images and with many?

    python benchmarks/transfer_curve.py DATA --work DIR [--sizes 50 500 5000] [--seeds 0 1 2] [--threads 1]
        [--variants scratch frozen fine_tuned] [--picture FILE] [--table] [--epochs N] [--head-epochs N] [--rate R]

DATA is an imported data set. n labelled images a class are a budget: a tenth of them validates, the rest is trained on
(BUDGETS says how). They are drawn from train and validation by the training's seed; where the budget is all of both,
they stay as they are. `scratch` trains the network from random weights; `frozen` its head alone, on kept features of
the pretrained backbone; `fine_tuned` does that first, and then trains the whole network for as many epochs as
`scratch`, with the same optimizer, schedule, augmentation and weight decay (which the head phase has, too). The network
from scratch has no dropout, as the other has none, and is given images normalized by those that it is trained on.

What is measured: the test accuracy of the last weights. With a rate that ends at 0 no epoch is chosen by validation, so
that nothing of the budget but the settings could depend on it. The test split is opened once a finished training.

Trainings run one after the other, small budgets first, each in a process of its own; results are kept below DIR, so
that the same command goes on where it was stopped (SIGTERM, SIGINT: after a step; killed: after an epoch) and trains
again only what has changed: settings, seed, threads, images, the backbone. --table prints what is there; --epochs,
--head-epochs and --rate (both peak rates) replace what BUDGETS says. PODIUM_WEIGHTS may name a folder with another
backbone. Prints Markdown; DIR/features holds what the frozen backbone makes of a draw, for whoever asks first.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recipe_training import Result, Task, folder_of  # beside this script
from recipes import train_all
from subsets import LABELLED, Subset
from transfer_curve_report import Measured, picture, print_all

from podium import atomic
from podium.config import Candidate, RecipeConfig
from podium.data import Dataset, open_dataset
from podium.errors import INTERRUPTED, REQUEUE, PodiumError
from podium.models import WeightsStore
from podium.models.options import backbone_of
from podium.models.places import weights_store
from podium.models.recipes import resolve_recipe
from podium.settings import Settings

RECIPES: Final = Path(__file__).resolve().parents[1] / "configs" / "recipes"
VARIANTS: Final = ("scratch", "frozen", "fine_tuned")


@dataclass(frozen=True)
class Budget:
    """How networks are trained with so many images."""

    epochs: int
    """Of the whole network, from scratch and in fine-tuning."""
    batch_size: int
    scratch_rate: float
    """Peak rate; SGD with Nesterov momentum of .9, one cycle."""
    fine_tune_rate: float
    """Likewise."""
    head_epochs: int
    """Adam with a peak rate of .001."""


BUDGETS: Final = {
    50: Budget(epochs=100, batch_size=32, scratch_rate=0.05, fine_tune_rate=0.01, head_epochs=200),
    500: Budget(epochs=20, batch_size=64, scratch_rate=0.05, fine_tune_rate=0.01, head_epochs=40),
    5000: Budget(epochs=10, batch_size=128, scratch_rate=0.1, fine_tune_rate=0.02, head_epochs=20),
}
"""By labelled images a class. Epochs of small budgets are more, so that all take a thousand steps and more (1,500,
1,420, 3,520): with fewer, the length of the schedule would be measured instead of the images. The same for heads
(3,000, 2,840, 7,040), whose epochs cost next to nothing: after 600 steps with 50 images a class, the training loss was
still nearly twice that after 3,000. Smaller batches have smaller rates."""
COMMON: Final[dict[str, Any]] = {
    "schedule": "one_cycle",
    "weight_decay": 5e-4,
    "early_stopping": None,
    "plateau": None,
    "augment": {"flip": True, "shift": 0.1},
    "precision": "float32",  # not measured: all variants and seeds have the same
    "compile": "never",
}
"""Of all trainings."""


def recipe_of(variant: str, size: int, budget: Budget) -> RecipeConfig:
    """What is trained, as a recipe of its own. Raises ConfigError."""
    backbone = resolve_recipe("transfer_resnet20", [{}], RECIPES, file="transfer_curve.py", path=variant)
    common = {**COMMON, "batch_size": budget.batch_size}
    if variant == "scratch":
        name = "resnet20"
        own = {"epochs": budget.epochs, "optimizer": "sgd", "learning_rate": budget.scratch_rate}
    else:
        name = backbone.id
        own = {"epochs": budget.head_epochs, "optimizer": "adam", "learning_rate": 1e-3, "cached_views": 4}
        own["fine_tune"] = None
    if variant == "fine_tuned":
        rate = budget.fine_tune_rate
        own["fine_tune"] = {"epochs": budget.epochs, "learning_rate": rate, "unfreeze": 1.0, "optimizer": "sgd"}
    recipe = resolve_recipe(name, [{**common, **own}], RECIPES, file="transfer_curve.py", path=variant)
    model = recipe.model
    if variant == "scratch":  # the very network
        same = {name: backbone.model.options[name] for name in ("depth", "width")}
        model = model.model_copy(update={"options": same})
    return recipe.model_copy(update={"id": f"{variant}_{size}", "model": model, "published_accuracy": None})


def subset_of(dataset: Dataset, size: int, seed: int) -> Subset | None:
    """What is drawn for a training; None: the budget is all that there is."""
    everything = sum(len(dataset[name]) for name in LABELLED)
    return None if size * len(dataset.manifest.class_names) == everything else Subset(images=size, seed=seed)


def task_of(
    dataset: Dataset, recipe: RecipeConfig, size: int, seed: int, *, threads: int, work: Path, weights: WeightsStore
) -> tuple[Task, Path]:
    """A training and its folder. Raises PodiumError."""
    candidate = Candidate(name=recipe.id, recipe=recipe, seed=seed, threads=threads)
    subset = subset_of(dataset, size, seed)
    digest = subset.digest(dataset) if subset else dataset.manifest.digest
    backbone = backbone_of(recipe.model)
    more = [weights.provenance(backbone).digest] if backbone else []
    task = Task(candidate=candidate, subset=subset, features=work / "features")
    return task, folder_of(work, candidate, digest, *more)


def main() -> int:
    """Train and print; the exit status tells whether all was measured."""
    arguments = _arguments()
    # A shell's background job ignores SIGINT; who sends one to this process means it, and nothing is lost.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    changes = {"epochs": arguments.epochs, "head_epochs": arguments.head_epochs}
    changes |= {"scratch_rate": arguments.rate, "fine_tune_rate": arguments.rate}
    given = {name: value for name, value in changes.items() if value is not None}
    budgets = {size: dataclasses.replace(BUDGETS[size], **given) for size in sorted(arguments.sizes)}
    variants = [variant for variant in VARIANTS if variant in arguments.variants]
    weights = weights_store(Settings.from_environment())
    status = 0
    try:
        dataset = open_dataset(arguments.data)
        recipes = {(size, v): recipe_of(v, size, budget) for size, budget in budgets.items() for v in variants}
        tasks = {
            (size, variant, seed): task_of(
                dataset, recipes[size, variant], size, seed,
                threads=arguments.threads, work=arguments.work, weights=weights,
            )
            for size in budgets for seed in arguments.seeds for variant in variants
        }  # fmt: skip
        backbones = dict.fromkeys(name for recipe in recipes.values() if (name := backbone_of(recipe.model)))
        provenances = [weights.provenance(name) for name in backbones]
    except PodiumError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if not arguments.table:
        status = train_all(list(tasks.values()), dataset.path)
        if status in (INTERRUPTED, REQUEUE):
            return status
    results = {key: result for key, (_, folder) in tasks.items() if (result := Result.load(folder))}
    measured = Measured(results, tuple(budgets), tuple(variants), tuple(arguments.seeds))
    settings = [f"{size:,} images a class: {_told(budget)}." for size, budget in budgets.items()]
    print_all(measured, dataset, provenances, threads=arguments.threads, settings=settings)
    if arguments.picture and results:
        atomic.write_bytes(arguments.picture, picture(measured, dataset.manifest.name))
    return status


def _told(budget: Budget) -> str:
    return (
        f"batches of {budget.batch_size}, {budget.head_epochs} epochs of the head, {budget.epochs} of the whole"
        f" network, peak rates {budget.scratch_rate:g} from scratch and {budget.fine_tune_rate:g} in fine-tuning"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(BUDGETS), choices=BUDGETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--head-epochs", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--picture", type=Path, help="where to draw the curve, as PNG")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

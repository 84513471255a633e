"""Transfer learning side by side: Podium, which passes frozen layers once, and the loop that people write.

    python benchmarks/transfer.py DATA [--recipe transfer_resnet20] [--images 5000] [--epochs 20] [--rounds 3]

DATA is an imported data set. The plain loop reads images one by one through torchvision's transforms in DataLoader
workers and passes the whole network in each epoch; both start from the same weights, with the recipe's optimizer, batch
size and rates, and look at the validation images after each epoch. First phase: the head is trained for so many epochs;
Podium keeps the features of --views views of each training image. Beside them: one forward pass of the backbone over
the same training and validation images, uncompiled. Second phase, with the layers from --unfreeze on: after --head
epochs of the head, fine-tuning for so many epochs; Podium keeps what the frozen layers make of --views views, and its
seconds have that pass in them. At last, an epoch of each, in turn, with what the recipe unfreezes last and images that
are augmented anew. Everything is in float32. Prints seconds, images/s, ratios and validation accuracy as Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional
from training_loops import Task, loader, podium  # beside this script

from podium.config import Candidate
from podium.data import Dataset, Split, open_dataset
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.models.recipes import load_recipe
from podium.models.transfer import TransferNet
from podium.results import EpochRecord
from podium.settings import Settings
from podium.training import train
from podium.training.execution import Execution
from podium.training.hardware import describe_hardware
from podium.training.inputs import Normalizer
from podium.training.optimizers import make_optimizer
from podium.training.phases import enter, plan

ROOT = Path(__file__).resolve().parents[1]
BATCH = 128


def smaller(dataset: Dataset, images: int) -> Dataset:
    """The first images of each split, validation a fifth of training."""
    counts = {"train": images, "validation": max(images // 5, 1)}
    splits = {
        name: Split(split.images[: counts.get(name, 0)], split.labels[: counts.get(name, 0)])
        for name, split in dataset.splits.items()
        if name in counts
    }
    return Dataset(dataset.path, dataset.manifest, splits)


def network(task: Task, weights: WeightsStore) -> TransferNet:
    """With its pretrained weights, the backbone frozen."""
    net = replace(task, weights=weights).network()
    assert isinstance(net, TransferNet)
    return net


def one_pass(task: Task, net: TransferNet) -> float:
    """Seconds that the backbone takes for all images and validation images."""
    normalize = Normalizer.of(task.contract, task.device)
    net = net.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    start = time.perf_counter()
    with torch.inference_mode():
        for name in ("train", "validation"):
            for part in torch.from_numpy(task.dataset[name].images.copy()).split(BATCH):
                net.features(normalize(part.to(task.device)))
    return time.perf_counter() - start


def plain_phases(task: Task, net: TransferNet) -> list[tuple[float, float]]:
    """Seconds and final validation accuracy of each phase of the plain loop."""
    batches, judged = loader(task), loader(replace(task, part="validation"))
    results = []
    for phase in plan(net, task.trainer):
        enter(net, phase)
        optimizer = make_optimizer(net, phase.trainer, phase.rate, phase.layer_decay)
        accuracy = 0.0
        start = time.perf_counter()
        for _ in range(phase.epochs):
            net.train()
            for images, labels in batches:
                optimizer.zero_grad()
                functional.cross_entropy(net(images.to(task.device)), labels.to(task.device)).backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                right = sum(int((net(x.to(task.device)).argmax(1).cpu() == y).sum()) for x, y in judged)
            accuracy = right / len(task.dataset["validation"])
        results.append((time.perf_counter() - start, accuracy))
    return results


def our_phases(task: Task, weights: WeightsStore) -> list[tuple[float, float]]:
    """Of each phase of a training by the engine: seconds, passes included, and its last epoch's validation accuracy."""
    ends: dict[str, tuple[float, float]] = {}

    def note(record: EpochRecord) -> None:
        ends[record.phase] = time.perf_counter(), record.validation_accuracy

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(task.candidate, task.dataset, task.contract, work=Path(folder), weights=weights, on_epoch=note)
    results = []
    for end, accuracy in ends.values():
        results.append((end - start, accuracy))
        start = end
    return results


def plain_epoch(task: Task, net: TransferNet) -> Callable[[], None]:
    """An epoch of the plain loop with what the recipe unfreezes last."""
    phase = plan(net, task.trainer)[-1]
    net.unfreeze(phase.unfreeze, freeze_norm=phase.freeze_norm)
    optimizer = make_optimizer(net, phase.trainer, phase.rate, phase.layer_decay)
    batches = loader(task)

    def epoch() -> None:
        net.train()
        for images, labels in batches:
            optimizer.zero_grad()
            functional.cross_entropy(net(images.to(task.device)), labels.to(task.device)).backward()
            optimizer.step()

    return epoch


def table(title: str, rows: dict[str, list[tuple[float, float]]], base: str) -> None:
    """Print medians of seconds with the least and the greatest, of ``base``'s, and accuracies."""
    middle = {name: statistics.median(seconds for seconds, _ in values) for name, values in rows.items()}
    print(f"| {title} | seconds (least to greatest) | of the {base} | validation |\n|---|---|---|---|")
    for name, values in rows.items():
        seconds = [seconds for seconds, _ in values]
        spread = f" ({min(seconds):.2f} to {max(seconds):.2f})" if len(values) > 1 else " (once)"
        accuracy = f"{statistics.mean(accuracy for _, accuracy in values):.4f}" if values[0][1] else "–"
        print(f"| {name} | {middle[name]:.2f}{spread} | {middle[name] / middle[base]:.3f} | {accuracy} |")
    print()


def tasks_of(arguments: argparse.Namespace, weights: WeightsStore) -> dict[str, Task]:
    """The head alone; fine-tuning on kept features; fine-tuning as the recipe has it."""
    recipe = load_recipe(arguments.recipe, ROOT / "configs" / "recipes")
    dataset = smaller(open_dataset(arguments.data), arguments.images)
    fixed = {"precision": "float32", "compile": "never", "early_stopping": None}
    kept = {**fixed, "cached_views": arguments.views}
    assert recipe.trainer.fine_tune is not None
    part = {"epochs": arguments.epochs, "unfreeze": arguments.unfreeze, "cached_views": arguments.views}
    tune = recipe.trainer.fine_tune.model_copy(update=part)
    changes = {
        "head": {**kept, "epochs": arguments.epochs, "fine_tune": None},
        "part": {**kept, "epochs": arguments.head, "fine_tune": tune},
        "recipe": fixed,
    }
    tasks = {}
    for name, change in changes.items():
        trainer = recipe.trainer.model_copy(update=change)
        candidate = Candidate(
            name=recipe.id, recipe=recipe.model_copy(update={"trainer": trainer}), threads=arguments.threads
        )
        contract = contract_for(candidate, dataset.manifest, weights)
        tasks[name] = Task(candidate, contract, dataset, arguments.images, weights=weights)
    return tasks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="transfer_resnet20")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--head", type=int, default=5)
    parser.add_argument("--unfreeze", default="7", help="the first layer that the second phase trains")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--views", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    weights = weights_store(Settings.from_environment())
    tasks = tasks_of(arguments, weights)
    head, part, whole = tasks["head"], tasks["part"], tasks["recipe"]
    print(f"{describe_hardware()}; {arguments.threads} threads; {arguments.recipe},")
    print(f"batches of {head.trainer.batch_size}; {head.images} images of {head.dataset.manifest.name}")
    print(f"{arguments.epochs} epochs; {arguments.rounds} rounds\n")

    passes = [one_pass(head, network(head, weights)) for _ in range(arguments.rounds + 1)][1:]
    ours = [our_phases(head, weights)[0] for _ in range(arguments.rounds)]
    once = statistics.median(passes)
    views = f"Podium, {arguments.views} view(s)"
    rows = {"one forward pass": [(seconds, 0.0) for seconds in passes], views: ours}
    table("first phase", {**rows, "plain loop": plain_phases(head, network(head, weights))}, "plain loop")
    print(f"First phase: {statistics.median(seconds for seconds, _ in ours) / once:.2f} of one forward pass\n")

    ours = [our_phases(part, weights)[1] for _ in range(arguments.rounds)]
    plain = plain_phases(part, network(part, weights))[1]
    table(f"second phase from {arguments.unfreeze} on", {views: ours, "plain loop": [plain]}, "plain loop")

    loops = {
        "plain loop": plain_epoch(whole, network(whole, weights)),
        "Podium": podium(whole, Execution(), phase=-1),
    }
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(arguments.rounds + 1):
        for name, epoch in loops.items():
            start = time.perf_counter()
            epoch()
            if turn:  # the first is not timed
                speeds[name].append(whole.images / (time.perf_counter() - start))
    base = statistics.median(speeds["plain loop"])
    print("| second phase, whole network | images/s (least to greatest) | of the plain loop |\n|---|---|---|")
    for name, values in speeds.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:,.0f} ({min(values):,.0f} to {max(values):,.0f}) | {middle / base:.2f} |")


if __name__ == "__main__":
    main()

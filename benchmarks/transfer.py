"""Transfer learning side by side: Podium, which passes a frozen backbone once, and the loop that people write.

    python benchmarks/transfer.py DATA [--recipe transfer_resnet20] [--images 5000] [--epochs 20] [--rounds 3]

DATA is an imported data set. First phase: the head is trained for so many epochs, validation after each of them. The
plain loop reads images one by one through torchvision's transforms in DataLoader workers and passes the frozen backbone
each time; Podium keeps the features of --views views of each training image. Both start from the same weights, with the
recipe's optimizer, batch size and rate. Beside them: one forward pass of the backbone over the same training and
validation images, as Podium computes it. Second phase: an epoch of each, in turn, with what the recipe unfreezes last.
Everything is in float32. Prints seconds, images/s, ratios and validation accuracy as Markdown.
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
from podium.settings import Settings
from podium.training import train
from podium.training.execution import Execution
from podium.training.hardware import describe_hardware
from podium.training.inputs import Normalizer
from podium.training.optimizers import make_optimizer
from podium.training.phases import plan

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


def plain_head(task: Task, net: TransferNet, epochs: int) -> tuple[float, float]:
    """Seconds and final validation accuracy of the plain loop."""
    optimizer = make_optimizer(net, task.trainer, task.trainer.learning_rate)
    batches = loader(task)
    judged = loader(replace(task, part="validation"))
    accuracy = 0.0
    start = time.perf_counter()
    for _ in range(epochs):
        net.train()
        for images, labels in batches:
            optimizer.zero_grad()
            functional.cross_entropy(net(images.to(task.device)), labels.to(task.device)).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum(int((net(x.to(task.device)).argmax(1).cpu() == y).sum()) for x, y in judged)
        accuracy = right / len(task.dataset["validation"])
    return time.perf_counter() - start, accuracy


def our_head(task: Task, weights: WeightsStore) -> tuple[float, float]:
    """Seconds and final validation accuracy of a training by the engine, features included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        bundle = train(task.candidate, task.dataset, task.contract, work=Path(folder), weights=weights)
        return time.perf_counter() - start, bundle.summary.history[-1].validation_accuracy


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="transfer_resnet20")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--views", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    weights = weights_store(Settings.from_environment())
    recipe = load_recipe(arguments.recipe, ROOT / "configs" / "recipes")
    fixed = {"precision": "float32", "compile": "never", "early_stopping": None}
    head = {**fixed, "epochs": arguments.epochs, "cached_views": arguments.views, "fine_tune": None}
    tasks = {}
    for name, changes in (("head", head), ("fine_tune", fixed)):
        trainer = recipe.trainer.model_copy(update=changes)
        candidate = Candidate(
            name=recipe.id, recipe=recipe.model_copy(update={"trainer": trainer}), threads=arguments.threads
        )
        dataset = smaller(open_dataset(arguments.data), arguments.images)
        contract = contract_for(candidate, dataset.manifest, weights)
        tasks[name] = Task(candidate, contract, dataset, arguments.images, weights=weights)
    first, second = tasks["head"], tasks["fine_tune"]

    passes = [one_pass(first, network(first, weights)) for _ in range(arguments.rounds + 1)][1:]
    ours = [our_head(first, weights) for _ in range(arguments.rounds)]
    plain, plain_accuracy = plain_head(first, network(first, weights), arguments.epochs)
    once, ours_seconds = statistics.median(passes), statistics.median(seconds for seconds, _ in ours)
    print(f"{describe_hardware()}; {arguments.threads} threads; {recipe.id}, batches of {first.trainer.batch_size};")
    print(f"{first.images} images of {dataset.manifest.name}, {arguments.epochs} epochs; {arguments.rounds} rounds\n")
    print("| first phase | seconds | of one forward pass | of the plain loop | validation |\n|---|---|---|---|---|")
    print(f"| one forward pass | {once:.2f} ({min(passes):.2f} to {max(passes):.2f}) | 1 | {once / plain:.3f} | – |")
    spread = f"{min(s for s, _ in ours):.2f} to {max(s for s, _ in ours):.2f}"
    print(
        f"| Podium, {arguments.views} view(s) | {ours_seconds:.2f} ({spread}) | {ours_seconds / once:.2f}"
        f" | {ours_seconds / plain:.3f} | {ours[0][1]:.4f} |"
    )
    print(f"| plain loop (once) | {plain:.2f} | {plain / once:.1f} | 1 | {plain_accuracy:.4f} |\n")

    loops = {
        "plain loop": plain_epoch(second, network(second, weights)),
        "Podium": podium(second, Execution(), phase=-1),
    }
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(arguments.rounds + 1):
        for name, epoch in loops.items():
            start = time.perf_counter()
            epoch()
            if turn:  # the first is not timed
                speeds[name].append(second.images / (time.perf_counter() - start))
    base = statistics.median(speeds["plain loop"])
    print("| second phase | images/s (least to greatest) | of the plain loop |\n|---|---|---|")
    for name, values in speeds.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:,.0f} ({min(values):,.0f} to {max(values):,.0f}) | {middle / base:.2f} |")


if __name__ == "__main__":
    main()

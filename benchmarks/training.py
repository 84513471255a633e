"""Training speed side by side: a plain loop, Lightning's, timm's, Keras's and Podium's, on the same images and network.

    python benchmarks/training.py DATA [--recipe cnn_3block] [--images 5000] [--rounds 3] [--threads 2] [--keras PYTHON]

DATA is an imported data set. Every loop trains the recipe's network with its batch size, optimizer and augmentation:
torchvision's transforms (v2, on Pillow images, one by one, in DataLoader workers) in the plain loop and Lightning's,
timm's own in timm's, preprocessing layers in Keras's, the engine's in Podium's. All are in float32. "Podium, kernels"
runs on Podium's own layers for the CPU (``podium.kernels``); with --compiled, Podium once more compiled. Each
loop has a process of its own. A round trains an epoch with each, one after the other; before, each has had one that is
not timed. Lightning and timm are measured
where they are installed, Keras with the interpreter that --keras names (recipes of the family cnn_blocks; compiled by
XLA, as is its default); none is a dependency. See README.md for how to install them. Prints images/s and ratios of
medians as Markdown.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from keras_process import keras  # beside this script
from loop_process import Order, start
from torch import nn
from training_loops import COMPILED, KERNELS, LOOPS

from podium.kernels import why_not
from podium.models import skeleton
from podium.training.hardware import describe_hardware


def matmul_peak(seconds: float = 2.0, side: int = 1536) -> float:
    """Multiply-adds a second of float32 matrix products, counted twice (FLOP/s); the best of many."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = torch.rand(side, side, device=device), torch.rand(side, side, device=device)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(a, b)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def step_flops(net: nn.Module, side: tuple[int, int]) -> float:
    """FLOP of a training step an image: three times those of a forward pass (Kaplan et al. 2020)."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.train()
        for module in net.modules():
            if hasattr(module, "rate"):
                module.rate = 0.0
        net(torch.empty(2, 3, *side, device="meta"))
    return 3 * counter.get_total_flops() / 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="cnn_3block")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--keras", type=Path, metavar="PYTHON", help="an interpreter that has TensorFlow")
    arguments = parser.parse_args()
    order = Order(arguments.data, arguments.recipe, arguments.images, arguments.threads)
    task = order.task()
    recipe, contract, dataset = task.candidate.recipe, task.contract, task.dataset
    torch.set_num_threads(arguments.threads)
    epochs: dict[str, Callable[[], None]] = {}
    for name, (needs, _) in LOOPS.items():
        if name == KERNELS and (reason := "they are for CPUs" if torch.cuda.is_available() else why_not()):
            print(f"{name}: not measured, {reason}")
            continue
        if name == COMPILED and not arguments.compiled:
            continue
        if needs is None or importlib.util.find_spec(needs):
            epochs[name] = start(name, order)
        else:
            print(f"{name}: not measured, {needs} is not installed")
    if arguments.keras:
        epochs["Keras"] = keras(task, arguments.keras, arguments.threads)
    for epoch in epochs.values():
        epoch()
    speeds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(arguments.rounds):
        for name, epoch in epochs.items():
            began = time.perf_counter()
            epoch()
            speeds[name].append(task.images / (time.perf_counter() - began))
    peak = matmul_peak()
    flops = step_flops(skeleton(recipe.model, contract), (contract.height, contract.width))
    base = statistics.median(speeds["plain loop"])
    print(f"\n{describe_hardware()}; {arguments.threads} threads; {recipe.id}, batches of {task.trainer.batch_size};")
    print(
        f"{task.images} images of {dataset.manifest.name}; {arguments.rounds} rounds; peak {peak / 1e9:.0f} GFLOP/s\n"
    )
    print("| loop | images/s (least to greatest) | of the plain loop | of the peak |\n|---|---|---|---|")
    for name, values in speeds.items():
        middle = statistics.median(values)
        spread = f"{middle:,.0f} ({min(values):,.0f} to {max(values):,.0f})"
        print(f"| {name} | {spread} | {middle / base:.2f} | {middle * flops / peak:.1%} |")


if __name__ == "__main__":
    main()

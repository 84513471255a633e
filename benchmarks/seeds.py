"""Seeds together: is it faster to train k seeds of a network at once than one after the other?

    python benchmarks/seeds.py [--batch 64] [--rounds 8] [--threads 1] [--device cpu] [--seeds 2 4]

Forward and backward passes of Podium's networks on random images, in float32 and bfloat16: one network after the other,
and all in one pass (``torch.func.stack_module_state`` and ``vmap``, which makes grouped convolutions of theirs). Then
single convolutions: one after the other, and one with k groups on channels that already lie side by side, which is the
most that a network written for it could win. BatchNorm keeps no running statistics here. Both are timed in turns, and
the best of all rounds counts; on the CPU it is the calling thread's own time. Prints Markdown.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.models import EMBEDDED_WEIGHTS, build
from podium.training.hardware import describe_hardware

LAST = torch.channels_last
NETWORKS = {
    "simple_cnn": ModelConfig(family="simple_cnn", options={}),
    "speednet 24, 64, 64": ModelConfig(family="speednet", options={"widths": [24, 64, 64]}),
    "speednet 64, 256, 256": ModelConfig(family="speednet", options={"widths": [64, 256, 256]}),
}
CONVOLUTIONS = ((3, 32, 32), (32, 64, 15), (24, 64, 31), (64, 64, 15), (256, 256, 7))
"""Channels in and out, side."""


def race(
    first: Callable[[], object], second: Callable[[], object], rounds: int, device: torch.device
) -> tuple[float, float]:
    """Milliseconds of each, by turns."""
    gpu = device.type == "cuda"
    wait, clock = (torch.cuda.synchronize, time.perf_counter) if gpu else (lambda: None, time.thread_time)
    best = [math.inf, math.inf]
    for number in range(rounds + 1):  # the first warms up
        for place, work in enumerate((first, second)):
            wait()
            start = clock()
            work()
            wait()
            best[place] = min(best[place], (clock() - start) * 1e3) if number else math.inf
    return best[0], best[1]


def network(model: ModelConfig, seeds: int, batch: int, half: bool, device: torch.device) -> tuple[Callable, Callable]:
    """One step of each seed: one after the other, and together."""
    contract = InputContract(
        height=32, width=32, mean=(0.5,) * 3, std=(0.25,) * 3, class_names=tuple("abcdefghij"), resize="crop"
    )
    nets = [build(model, contract, seed=seed, weights=EMBEDDED_WEIGHTS) for seed in range(seeds)]
    for net in nets:
        net.to(device, memory_format=LAST).train()  # type: ignore[call-overload]
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = False
                module.running_mean = module.running_var = module.num_batches_tracked = None
    images = [torch.randn(batch, 3, 32, 32, device=device).to(memory_format=LAST) for _ in nets]
    labels = [torch.randint(0, 10, (batch,), device=device) for _ in nets]
    stacked, buffers = stack_module_state(nets)
    trained = dict(nets[0].named_parameters())
    parameters = {name: p.detach().requires_grad_(trained[name].requires_grad) for name, p in stacked.items()}
    base, together = copy.deepcopy(nets[0]).to("meta"), torch.stack(images)

    def losses(logits: list[Tensor]) -> Tensor:
        parts = [functional.cross_entropy(a.float(), b) for a, b in zip(logits, labels, strict=True)]
        return torch.stack(parts).sum()

    def one_by_one() -> None:
        for net, x, y in zip(nets, images, labels, strict=True):
            net.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = net(x)
            functional.cross_entropy(logits.float(), y).backward()

    def at_once() -> None:
        for p in parameters.values():
            p.grad = None
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            call = vmap(lambda p, b, x: functional_call(base, (p, b), (x,)))
            logits = call(parameters, buffers, together)
        losses(list(logits)).backward()

    one_by_one()
    at_once()
    if not half:  # they must be the same work
        for index, net in enumerate(nets):
            for name, p in net.named_parameters():
                if p.grad is not None:
                    torch.testing.assert_close(parameters[name].grad[index], p.grad, rtol=1e-2, atol=1e-4)
    return one_by_one, at_once


def convolution(
    shape: tuple[int, int, int], seeds: int, batch: int, half: bool, device: torch.device
) -> tuple[Callable, Callable]:
    """One convolution of each seed, forward and backward: one after the other, and in groups."""
    inputs, outputs, side = shape

    def random(*size: int) -> Tensor:
        return torch.randn(size, device=device, dtype=torch.bfloat16 if half else torch.float32).to(memory_format=LAST)

    def convolved(groups: int) -> Callable[[], object]:
        x = random(batch, groups * inputs, side, side).requires_grad_()
        weight, gradient = (
            random(groups * outputs, inputs, 3, 3).requires_grad_(),
            random(batch, groups * outputs, side, side),
        )
        return lambda: torch.autograd.grad(
            functional.conv2d(x, weight, padding=1, groups=groups), (x, weight), gradient
        )

    singles = [convolved(1) for _ in range(seeds)]
    return lambda: [single() for single in singles], convolved(seeds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    print(f"{describe_hardware()}; {arguments.threads} threads, batch {arguments.batch}, best of {arguments.rounds}\n")
    print("| work | precision | seeds | one by one, ms | together, ms | gain |\n|---|---|--:|--:|--:|--:|")
    for half in (False, True):
        for seeds in arguments.seeds:
            works = {name: network(model, seeds, arguments.batch, half, device) for name, model in NETWORKS.items()}
            for shape in CONVOLUTIONS:
                name = "convolution {} → {}, {} × {}".format(*shape, shape[2])
                works[name] = convolution(shape, seeds, arguments.batch, half, device)
            for name, (first, second) in works.items():
                one, all_ = race(first, second, arguments.rounds, device)
                precision = "bfloat16" if half else "float32"
                print(f"| {name} | {precision} | {seeds} | {one:.1f} | {all_:.1f} | {one / all_:.2f} |", flush=True)


if __name__ == "__main__":
    main()

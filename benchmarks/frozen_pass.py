"""The pass of a frozen backbone over many images, side by side: PyTorch, ONNX Runtime as Podium runs it, and others.

    python benchmarks/frozen_pass.py [--networks resnet20@32 mobilenetv2_100@96 …] [--rounds 7] [--threads 2]
                                     [--openvino] [--compile]

On the CPU, in float32. A measure of speed alone: `resnet20` has its embedded weights, but those of timm's networks are
random, and images are drawn. Their BatchNorm statistics are those of a few drawn batches: with the initial ones, values
shrink from layer to layer until they are denormal, which takes a processor many times as long. Rounds take turns with
the runtimes; the first is not counted. Prints Markdown: images/s (median, least and greatest), as a ratio to eager
PyTorch in channels_last, how far outputs differ (of the greatest one), and the seconds that getting ready takes. Where
that is an export, also the number of images from which it pays, and that from which Podium exports.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from podium.models.flops import flops
from podium.training import onnx_export, onnx_pass
from podium.training.features import pretrained_backbone
from podium.training.hardware import describe_hardware
from podium.training.threads import cpu_threads

NETWORKS = ("resnet20@32", "mobilenetv2_100@96", "efficientnet_b0@96", "resnet50@96", "densenet121@96")
EMBEDDED = {"resnet20": "resnet20_tinyimagenet32"}
CALIBRATION = 3
"""Batches of 32."""

Run = Callable[[Tensor], Tensor]


@dataclass
class Way:
    """One way of running a network."""

    run: Run
    ready: float
    """Seconds that it took to get ready."""
    speeds: list[float] = field(default_factory=list)
    """Images a second of each round."""
    off: float = 0.0


def network(name: str, side: int) -> nn.Module:
    """A frozen backbone without its classifier, in evaluation mode, in channels_last."""
    if name in EMBEDDED:
        return pretrained_backbone(EMBEDDED[name])[0]
    import timm

    net: nn.Module = timm.create_model(name, num_classes=0).requires_grad_(False)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean over the batches
    net.train()
    with torch.no_grad():
        for _ in range(CALIBRATION):
            net(torch.randn(32, 3, side, side))
    return net.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def openvino(net: nn.Module, images: Tensor, threads: int) -> Run:
    """OpenVINO on the exported network."""
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    with tempfile.TemporaryDirectory() as folder:
        reason = onnx_pass._export(net, images, Path(folder), threads, lambda: False)
        if reason is not None:
            raise SystemExit(reason)
        model = openvino.Core().compile_model(Path(folder) / onnx_export.MADE, "CPU", settings)
    return lambda images: torch.from_numpy(model([images.contiguous().numpy()])[0])


def ways(net: nn.Module, images: Tensor, arguments: argparse.Namespace) -> dict[str, Way]:
    """All of them, ready to run."""

    def product() -> Run:
        there = onnx_pass.onnx_pass(net, images, 10**12, threads=arguments.threads, stop=lambda: False)
        if there is None:
            raise SystemExit("ONNX Runtime: the log says why not")
        return there

    def compiled() -> Run:
        run: Run = torch.compile(net, dynamic=False)
        run(images)
        return run

    makers: dict[str, Callable[[], Run]] = {"PyTorch": lambda: net, "ONNX Runtime": product}
    if arguments.openvino:
        makers["OpenVINO"] = lambda: openvino(net, images, arguments.threads)
    if arguments.compile:
        makers["torch.compile"] = compiled
    made = {}
    for name, make in makers.items():
        start = time.perf_counter()
        run = make()
        made[name] = Way(run, time.perf_counter() - start)
    return made


def measure(made: dict[str, Way], images: Tensor, rounds: int, least: float) -> None:
    """Fill in speeds and differences. A round of a way is as many batches as PyTorch needs ``least`` seconds for."""
    wanted = made["PyTorch"].run(images)
    start = time.perf_counter()
    made["PyTorch"].run(images)
    batches = max(1, math.ceil(least / (time.perf_counter() - start)))
    for way in made.values():
        way.off = float((way.run(images) - wanted).abs().max() / wanted.abs().max())
    for turn in range(rounds + 1):
        for way in made.values():
            start = time.perf_counter()
            for _ in range(batches):
                way.run(images)
            if turn:
                way.speeds.append(batches * len(images) / (time.perf_counter() - start))


def rows(label: str, net: nn.Module, images: Tensor, made: dict[str, Way], threads: int) -> list[str]:
    """Of the table."""
    work = flops(net, images[:1])
    base = statistics.median(made["PyTorch"].speeds)
    lines = []
    for name, way in made.items():
        middle = statistics.median(way.speeds)
        saved = 1 / base - 1 / middle
        pays, used = "–", "–"
        if name == "ONNX Runtime":
            pays = f"{way.ready / saved:,.0f}" if saved > 0 else "never"
            used = f"from {math.ceil(onnx_pass.LEAST_WORK * threads / work):,}"
        lines.append(
            f"| {label}, {work / 1e6:,.0f} MFLOP | {name} | {middle:,.0f} ({min(way.speeds):,.0f} to"
            f" {max(way.speeds):,.0f}) | {middle / base:.2f} | {way.off:.0e} | {way.ready:.1f} | {pays} | {used} |"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="NAME@SIDE: resnet20, or timm's names")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round in PyTorch, at least")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    print(f"{describe_hardware()}; {arguments.threads} threads; batches of {arguments.batch}, float32;")
    print(f"{arguments.rounds} rounds of {arguments.seconds:g} s or more in PyTorch\n")
    print(
        "| network | runs in | images/s (least to greatest) | of PyTorch | difference | ready, s | pays from | used |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with cpu_threads(arguments.threads), torch.inference_mode():
        for label in arguments.networks:
            name, _, side = label.partition("@")
            with torch.inference_mode(False):
                net = network(name, int(side))
            images = torch.randn(arguments.batch, 3, int(side), int(side)).contiguous(memory_format=torch.channels_last)
            made = ways(net, images, arguments)
            measure(made, images, arguments.rounds, arguments.seconds)
            print("\n".join(rows(label, net, images, made, arguments.threads)), flush=True)


if __name__ == "__main__":
    main()

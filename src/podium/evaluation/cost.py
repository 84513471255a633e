"""What a trained model takes: memory, computation, time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.evaluation.records import Cost, Latency, Timing

if TYPE_CHECKING:
    from torch import nn

    from podium.bundle import Bundle
    from podium.contract import InputContract

BATCHES: Final = (1, 64)
THREADS: Final = 1
"""The usual share of a request where a server answers several, and comparable between machines."""
WARM_UP: Final = 3
MOST: Final = 200
LEAST: Final = 3
BUDGET: Final = 2.0
"""Seconds for the repetitions of a batch size, once there are ``LEAST``; a half of it for the warm-up."""


def measure_cost(bundle: Bundle, images: NDArray[np.uint8]) -> Cost:
    """Count and time a bundle's network.

    Args:
        bundle: The model.
        images: uint8 N×H×W×3, N at least 1, of the contract's size; they are repeated for larger batches.

    Raises:
        ValueError: There are no images.
    """
    import torch
    from safetensors.torch import save

    from podium.models import count_parameters
    from podium.models.flops import flops
    from podium.training import build_from_bundle
    from podium.training.hardware import describe_hardware
    from podium.training.inputs import Normalizer
    from podium.training.threads import cpu_threads

    if not len(images):
        raise ValueError("no images to time a model with")
    net = build_from_bundle(bundle)
    one = Normalizer.of(bundle.contract, torch.device("cpu"))(torch.from_numpy(np.array(images[:1])))
    summary = bundle.summary
    with cpu_threads(THREADS):
        latencies = tuple(measure_latency(net, images, bundle.contract, batch) for batch in BATCHES)
    return Cost(
        parameters=count_parameters(net)[0],
        flops=flops(net, one),
        file_bytes=len(save({name: value.detach().contiguous().cpu() for name, value in bundle.state.items()})),
        timing=Timing(
            train_seconds=summary.train_seconds,
            device_seconds=summary.train_seconds * summary.processes,
            device=summary.device,
            hardware=describe_hardware(),
            threads=THREADS,
            latency=latencies,
        ),
    )


def measure_latency(
    net: nn.Module, images: NDArray[np.uint8], contract: InputContract, batch: int, *, budget: float = BUDGET
) -> Latency:
    """Time single predictions on the CPU, normalization and softmax included, with the calling thread's threads.

    Up to ``MOST`` repetitions after a warm-up, fewer where they take longer than ``budget`` seconds.

    Args:
        net: On the CPU, in evaluation mode.
        images: uint8 N×H×W×3.
        contract: That of the network.
        batch: Images a prediction.
        budget: Seconds.
    """
    from podium.training import predict_probabilities

    start = time.perf_counter()
    for _ in range(WARM_UP):
        predict_probabilities(net, _some(images, 0, batch), contract, batch_size=batch)
        if time.perf_counter() - start > budget / 2:
            break
    seconds: list[float] = []
    while len(seconds) < LEAST or (len(seconds) < MOST and sum(seconds) < budget):
        shown = _some(images, len(seconds), batch)
        before = time.perf_counter()
        predict_probabilities(net, shown, contract, batch_size=batch)
        seconds.append(time.perf_counter() - before)
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    return Latency(
        batch=batch,
        repetitions=len(seconds),
        p50=1000 * float(p50),
        p95=1000 * float(p95),
        throughput=batch * len(seconds) / sum(seconds),
    )


def _some(images: NDArray[np.uint8], turn: int, count: int) -> NDArray[np.uint8]:
    """The turn's images, from the first again after the last; in memory."""
    return np.array(images[(turn * count + np.arange(count)) % len(images)])

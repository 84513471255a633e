"""Measure how a network trains fastest - precision, kernels, compiled or not -, where the recipe says ``auto``."""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from filelock import FileLock
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from podium import atomic
from podium.config import Frozen, TrainerConfig
from podium.errors import TrainingFailed
from podium.kernels import prepared, why_not
from podium.models.layers import Dropout
from podium.training.execution import Execution, Precision, Runner, has_bfloat16
from podium.training.stopping import Stop, taken

log = logging.getLogger(__name__)

WORTH_MEASURING: Final = 60.0
"""Seconds: for a shorter training nothing is compared."""
GAIN: Final = 0.9
"""bfloat16 must take less than this share of float32's time, as it gives up digits."""
KERNELS: Final = 0.95
"""Kernels must take less than this share of the time of torch's own layers."""
COMPILED: Final = 0.8
"""Share of the time that compiled code takes where it pays: what it may save is guessed from it."""
COMPILING: Final = 120.0
"""Seconds to compile, where it was not measured yet: twice what was seen for small networks on two cores."""
ROUNDS: Final = 3
STEPS: Final = 3
"""A round measures each choice for so many steps, one choice after the other; the fastest round counts."""


class Measured(Frozen):
    """Seconds a step, and to compile; None where it was not measured."""

    float32: float | None = None
    bfloat16: float | None = None
    kernels: float | None = None
    """In float32."""
    compiled: float | None = None
    """In the precision that was the faster one."""
    compiling: float | None = None
    compiles: bool = True
    """False where it was tried and failed."""


def choose(measured: Measured, trainer: TrainerConfig, steps: int, device: torch.device) -> Execution:
    """The execution with which ``steps`` steps take the least time; what the recipe says is not weighed.

    Args:
        measured: What is known. Unmeasured, bfloat16 is taken on a GPU that multiplies it.
        trainer: Its ``precision``, ``compile`` and ``kernels``.
        steps: Of the whole training.
        device: Where.
    """
    precision: Precision = "bfloat16" if device.type == "cuda" and has_bfloat16(device) else "float32"
    if trainer.precision != "auto":
        precision = trainer.precision
    kernels, float32 = trainer.kernels == "always" and device.type == "cpu", measured.float32
    if measured.float32 and measured.kernels and trainer.kernels != "never" and trainer.compile != "always":
        kernels = kernels or measured.kernels < KERNELS * measured.float32
        float32 = measured.kernels if kernels else measured.float32
    if trainer.precision == "auto" and float32 and measured.bfloat16:
        precision = "bfloat16" if measured.bfloat16 < GAIN * float32 else "float32"
    compiled = trainer.compile == "always"
    eager = measured.bfloat16 if precision == "bfloat16" else float32
    if trainer.compile == "auto" and eager and measured.compiled and measured.compiling is not None:
        compiled = (eager - measured.compiled) * steps > measured.compiling
    return Execution(
        precision=precision, compiled=compiled, kernels=kernels and precision == "float32" and not compiled
    )


def tune(
    net: nn.Module, sample: tuple[Tensor, Tensor], trainer: TrainerConfig, steps: int,
    *, key: str, cache: Path | None, stop: Stop,
) -> Execution | None:  # fmt: skip
    """Measure what the recipe leaves open, as far as that can pay within ``steps`` steps.

    Args:
        net: On its device, in training mode; its state is as before afterwards.
        sample: Normalized images and their labels, on the device: as many as the network is shown at once.
        trainer: Its ``precision``, ``compile`` and ``kernels``; one of them is ``auto``.
        steps: Of the whole training, as many as it has forward passes.
        key: What measurements depend on: network, batch, device, threads, versions.
        cache: Folder of earlier measurements; a lock there keeps others from measuring at the same time.
        stop: Asked while others measure.

    Returns:
        None if ``stop`` said so.
    """
    device = sample[0].device
    if cache is None:
        return choose(_measure(net, sample, trainer, steps, Measured()), trainer, steps, device)
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{key[:32]}.json"
    lock = FileLock(cache / "lock")
    if not taken(lock, stop):
        return None
    try:
        before = _read(file)
        measured = _measure(net, sample, trainer, steps, before)
        if measured != before:
            atomic.write_text(file, measured.model_dump_json())
    finally:
        lock.release()
    # Another machine with the same processor may have measured it, in a folder that both see.
    if measured.kernels is not None and not _has_kernels(trainer, net, device):
        measured = measured.model_copy(update={"kernels": None})
    if measured.compiled is not None and not has_compiler(device):
        measured = measured.model_copy(update={"compiled": None})
    return choose(measured, trainer, steps, device)


def _read(file: Path) -> Measured:
    try:
        return Measured.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return Measured()


def _measure(
    net: nn.Module, sample: tuple[Tensor, Tensor], trainer: TrainerConfig, steps: int, known: Measured
) -> Measured:
    device = sample[0].device
    with _untouched(net):
        if known.float32 is None:
            (seconds,) = _race([Runner(net, Execution(), device, len(sample[0]))], sample, rounds=1)
            known = known.model_copy(update={"float32": seconds})
        assert known.float32 is not None
        if known.float32 * steps < WORTH_MEASURING:
            return known
        if trainer.kernels != "never" and known.kernels is None and _has_kernels(trainer, net, device):
            runners = [Runner(net, Execution(kernels=k), device, len(sample[0])) for k in (False, True)]
            known = known.model_copy(update=dict(zip(("float32", "kernels"), _race(runners, sample), strict=True)))
        if trainer.precision != "float32" and known.bfloat16 is None and has_bfloat16(device):
            both: tuple[Precision, ...] = ("float32", "bfloat16")
            runners = [Runner(net, Execution(precision=p), device, len(sample[0])) for p in both]
            known = known.model_copy(update=dict(zip(both, _race(runners, sample), strict=True)))
        return _measure_compiled(net, sample, trainer, steps, known)


def _measure_compiled(
    net: nn.Module, sample: tuple[Tensor, Tensor], trainer: TrainerConfig, steps: int, known: Measured
) -> Measured:
    """Compile, if what that may save is more than what it costs."""
    best = choose(known, trainer, steps, sample[0].device)
    precision = best.precision
    eager = known.bfloat16 if precision == "bfloat16" else known.kernels if best.kernels else known.float32
    if trainer.compile != "auto" or known.compiling is not None or not known.compiles or eager is None:
        return known
    if not has_compiler(sample[0].device) or eager * steps * (1 - COMPILED) < COMPILING:
        return known
    device, size = sample[0].device, len(sample[0])
    executions = best, Execution(precision=precision, compiled=True)
    runners = [Runner(net, execution, device, size) for execution in executions]
    start = time.perf_counter()
    try:
        _steps(runners[1], *sample, 1)
    except TrainingFailed as error:
        log.warning("%s; it is run uncompiled", error.message)
        return known.model_copy(update={"compiles": False})
    except (torch.OutOfMemoryError, MemoryError):
        log.warning("there was no memory left to try the compiled network in; it is run uncompiled this time")
        return known
    compiling = time.perf_counter() - start
    eager, compiled = _race(runners, sample)
    kind = "kernels" if best.kernels else precision
    return known.model_copy(update={kind: eager, "compiled": compiled, "compiling": compiling})


def _has_kernels(trainer: TrainerConfig, net: nn.Module, device: torch.device) -> bool:
    """Whether there is something to compare: the training may use kernels, layers can, and there are any."""
    if device.type != "cpu" or trainer.precision == "bfloat16" or trainer.compile == "always" or not prepared(net):
        return False
    reason = why_not()
    if reason:
        log.info("Podium's kernels are not tried: %s", reason)
    return reason is None


def has_compiler(device: torch.device) -> bool:
    """Whether there is what ``torch.compile`` makes code with: a C++ compiler, or Triton on a GPU."""
    if device.type == "cuda":
        from torch.utils._triton import has_triton  # `import torch` does not load it

        return bool(has_triton())
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++", "c++") if name)


def _race(runners: Sequence[Runner], sample: tuple[Tensor, Tensor], rounds: int = ROUNDS) -> list[float]:
    """Seconds a step of each: the fastest round, as whatever else the machine does can only slow one down."""
    best = [math.inf] * len(runners)
    for runner in runners:
        _steps(runner, *sample, 1)
    for _ in range(rounds):
        for place, runner in enumerate(runners):
            best[place] = min(best[place], _steps(runner, *sample, STEPS))
    return best


def _steps(runner: Runner, images: Tensor, labels: Tensor, count: int) -> float:
    """Seconds that forward and backward pass take.

    On the CPU they are those of the calling thread, whose part of the work is that of any other: time in which other
    processes and candidates had the core is not counted.
    """
    gpu = images.device.type == "cuda"
    wait, clock = (torch.cuda.synchronize, time.perf_counter) if gpu else (lambda: None, time.thread_time)
    wait()
    start = clock()
    for _ in range(count):
        runner.net.zero_grad(set_to_none=True)
        functional.cross_entropy(runner(images), labels).backward()
    wait()
    return (clock() - start) / count


@contextmanager
def _untouched(net: nn.Module) -> Iterator[None]:
    """Put the state of ``net``, and of the generators that it draws from, back to what it was."""
    state = {name: value.clone() for name, value in net.state_dict().items()}
    layers = (module.generator for module in net.modules() if isinstance(module, Dropout))
    drawn = [(generator, generator.get_state()) for generator in set(layers) if generator is not None]
    training = net.training
    net.train()
    try:
        yield
    finally:
        net.load_state_dict(state)
        net.zero_grad(set_to_none=True)
        net.train(training)
        for generator, before in drawn:
            generator.set_state(before)

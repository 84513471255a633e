"""How a network is run in training: in which precision, and by whose code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from podium import atomic
from podium.config import Frozen, TrainerConfig
from podium.errors import TrainingFailed
from podium.kernels import kernels, why_not

SETTLED: Final = "execution.json"

_compiling = threading.Lock()

Precision = Literal["float32", "bfloat16"]


class Execution(Frozen):
    """How a network is run."""

    precision: Precision = "float32"
    compiled: bool = False
    kernels: bool = False
    """Whether layers use ``podium.kernels``; only on a CPU, in float32 and uncompiled."""


def fixed_execution(trainer: TrainerConfig, device: torch.device) -> Execution | None:
    """What the recipe says; None where it leaves something to be measured."""
    possible = device.type == "cpu" and trainer.precision == "float32" and trainer.compile == "never"
    if "auto" in {trainer.precision, trainer.compile} or (possible and trainer.kernels == "auto"):
        return None
    kernels = possible and trainer.kernels == "always"
    return Execution(precision=trainer.precision, compiled=trainer.compile == "always", kernels=kernels)


class Settled(Frozen):
    """The execution of one training, beside its checkpoint: whoever goes on keeps to it."""

    identity: str
    execution: Execution

    def save(self, work: Path) -> None:
        """Write it into ``work``. Raises OSError."""
        atomic.write_text(work / SETTLED, self.model_dump_json())

    @classmethod
    def load(cls, work: Path, identity: str) -> Execution | None:
        """What was settled for the training of this identity; None if nothing was."""
        try:
            settled = cls.model_validate_json((work / SETTLED).read_bytes())
        except (OSError, ValidationError):
            return None
        return settled.execution if settled.identity == identity else None


class Runner:
    """A network as ``execution`` says; it shares the network's parameters.

    Raises:
        TrainingFailed: The execution asks for kernels, and there are none here.
    """

    def __init__(self, net: nn.Module, execution: Execution, device: torch.device, batch_size: int) -> None:
        if execution.kernels and (reason := why_not()):
            raise TrainingFailed(
                f"Podium's kernels cannot be used on this machine: {reason}",
                remedy="install a C compiler, or set the trainer's `kernels` to never",
            )
        self.net = net
        self.execution = execution
        self.device = device
        self.batch_size = batch_size
        self._compiled: Callable[[Tensor], Tensor] | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Normalized float32 N×3×H×W → float32 logits N×C. Raises TrainingFailed if the network cannot be compiled."""
        # Whatever is not a batch (the last one of an epoch) would be compiled once more.
        if not self.execution.compiled or len(images) != self.batch_size:
            return self.uncompiled(images)
        with self.precision():
            return self._compile(images).float()

    def uncompiled(self, images: Tensor) -> Tensor:
        """The same without compiled code, in the same precision."""
        with self.precision(), kernels(self.execution.kernels):
            logits: Tensor = self.net(images)
            return logits.float()

    def precision(self) -> torch.autocast:
        """The context in which the network runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.execution.precision == "bfloat16")

    def _compile(self, images: Tensor) -> Tensor:
        if self._compiled is not None:
            return self._compiled(images)
        with _compiling:  # candidates train in threads
            try:
                compiled = torch.compile(self.net, dynamic=False)
                logits: Tensor = compiled(images)
                self._compiled = compiled
                return logits
            except (torch.OutOfMemoryError, MemoryError):
                raise  # no fault of the compiler's, and there may be room next time
            except Exception as error:  # the compilers of several back ends, each with its own errors
                reason = (str(error).strip().splitlines() or ["no reason is given"])[0]
                raise TrainingFailed(
                    f"the network cannot be compiled: {type(error).__name__}: {reason}",
                    remedy="set the trainer's `compile` to never, or install a C++ compiler",
                ) from error


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 itself: AMX or AVX-512 BF16, or compute capability 8 and up."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())

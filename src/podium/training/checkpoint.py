"""The state of an unfinished training in one safetensors file, and the result of a finished one in a folder."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import safetensors.torch
import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from podium import atomic
from podium.bundle import Bundle
from podium.errors import RegistryError, TrainingFailed
from podium.results import EpochRecord
from podium.training.averaging import Averager
from podium.training.callbacks import EarlyStopping, Plateau
from podium.training.epoch import Position
from podium.training.health import Health
from podium.training.optimizers import load_state_tensors, state_tensors

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"
FINISHED = "finished"
IDENTITY = "identity"


class Progress(BaseModel):
    """How far a training is; everything but tensors."""

    phase: int = 0
    """Index of the phase that goes on."""
    epochs: int = 0
    """Finished epochs of this phase."""
    step: int = 0
    """Finished steps of the epoch that goes on."""
    history: list[EpochRecord] = []
    stopping: EarlyStopping | None = None
    plateau: Plateau | None = None
    health: Health = Field(default_factory=Health)
    warnings: list[str] = []
    """Each said once."""
    stopped_early: bool = False
    seconds: float = 0.0
    """Time spent in finished epochs, and on features that are kept, in all attempts."""
    epoch_seconds: float = 0.0
    """Time spent in the epoch that goes on."""

    def finish(self, record: EpochRecord) -> None:
        """Take note of an epoch that is done."""
        self.history.append(record)
        self.seconds += record.seconds
        self.step, self.epoch_seconds = 0, 0.0

    def warned(self, what: str) -> bool:
        """Whether a warning that begins so was given."""
        return any(warning.startswith(what) for warning in self.warnings)

    def warn(self, name: str, warning: str | None) -> None:
        """Keep a warning, and log it with the candidate's name."""
        if warning:
            self.warnings.append(warning)
            log.warning("%s: %s", name, warning)


@dataclass(frozen=True)
class Checkpoint:
    """A training after a finished step."""

    progress: Progress
    groups: dict[str, dict[str, Tensor]]
    """``model``, ``optimizer``, ``best`` (the best epoch's weights; empty without early stopping) and, within an epoch,
    ``epoch``: its order and sums."""
    generator: Tensor

    @classmethod
    def of(
        cls, progress: Progress, net: nn.Module, optimizer: Optimizer, *, best: dict[str, Tensor],
        averager: Averager | None, position: Position | None, generator: torch.Generator,
    ) -> Self:  # fmt: skip
        """The state of a training as it is now; not a copy."""
        groups = {"model": net.state_dict(), "best": best, "optimizer": state_tensors(optimizer)}
        if averager:
            groups["average"] = averager.tensors()
        if position:
            groups["epoch"] = position.tensors()
        return cls(progress, groups, generator.get_state())

    def restore(self, net: nn.Module, generator: torch.Generator) -> tuple[dict[str, Tensor], Position | None]:
        """Set a network and the random generator on its device back to this state.

        Returns:
            The best epoch's weights, and where the epoch goes on that the checkpoint was made in.
        """
        net.load_state_dict(self.groups["model"])
        state = net.state_dict()
        best = {n: torch.empty_like(state[n]).copy_(value) for n, value in self.groups.get("best", {}).items()}
        generator.set_state(self.generator)
        if "epoch" not in self.groups:
            return best, None
        step, seconds = self.progress.step, self.progress.epoch_seconds
        return best, Position.restore(self.groups["epoch"], step, seconds, generator.device)

    def restore_phase(self, optimizer: Optimizer, averager: Averager | None) -> None:
        """Set the optimizer and the averaged weights of the phase that goes on back to this state."""
        load_state_tensors(optimizer, self.groups.get("optimizer", {}))
        if averager:
            averager.load(self.groups["average"])

    def save(self, work: Path, identity: str) -> None:
        """Replace the checkpoint in ``work`` atomically. Raises TrainingFailed if it cannot be written."""
        tensors = {f"{group}/{name}": value for group, values in self.groups.items() for name, value in values.items()}
        tensors["generator"] = self.generator
        content = safetensors.torch.save(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            {IDENTITY: identity, "progress": self.progress.model_dump_json()},
        )
        with writing(work):
            atomic.write_bytes(work / CHECKPOINT, content)


def load_checkpoint(work: Path, identity: str) -> Checkpoint | None:
    """Read the checkpoint of a training. One of another training, or an unreadable one, is named in the log only."""
    file = work / CHECKPOINT
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as stream:
            meta = stream.metadata() or {}
            if meta.get(IDENTITY) != identity:
                log.info("%s belongs to another candidate, data or code version: starting from the beginning", file)
                return None
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - no mapping
        progress = Progress.model_validate_json(meta["progress"])
        generator = tensors.pop("generator")
    except (OSError, SafetensorError, ValidationError, KeyError) as error:
        log.warning("%s cannot be read (%s): starting from the beginning", file, error)
        return None
    groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        group, _, name = key.partition("/")
        groups[group][name] = value
    return Checkpoint(progress, groups, generator)


def save_finished(work: Path, bundle: Bundle, identity: str) -> None:
    """Keep the result for whoever asks for the same training again; the checkpoint is no longer needed.

    Raises:
        TrainingFailed: It cannot be written.
    """
    with writing(work):
        with atomic.new_directory(work / FINISHED) as folder:
            bundle.save(folder)
            (folder / IDENTITY).write_text(identity)
        (work / CHECKPOINT).unlink(missing_ok=True)


@contextmanager
def writing(work: Path) -> Iterator[None]:
    """Raise TrainingFailed if something cannot be written into ``work`` in the block."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainingFailed(
            f"{work}: the training's state cannot be written ({reason})",
            remedy="free disk space and run again: the training goes on after its last checkpoint",
        ) from None


def load_finished(work: Path, identity: str) -> Bundle | None:
    """The result of the same training, if it has already been finished in ``work``."""
    folder = work / FINISHED
    try:
        if (folder / IDENTITY).read_text() != identity:
            return None
        return Bundle.load(folder)
    except FileNotFoundError:
        return None
    except RegistryError as error:
        log.warning("%s: training again", error.message)
        return None

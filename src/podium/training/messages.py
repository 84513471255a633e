"""What the processes of one training tell the one that started them: a line of JSON each, on standard output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from podium.config import Candidate, Frozen
from podium.contract import InputContract
from podium.results import EpochRecord
from podium.training.epoch import Tick

_LONGEST: Final = 3000
"""Characters of a text: a line of less than 4096 bytes is written to a pipe as a whole."""


class Order(Frozen):
    """What the processes are to train; a file in the training's work folder."""

    candidate: Candidate
    contract: InputContract
    data: Path
    digest: str
    """Of the data set."""
    work: Path
    weights: Path | None
    """Folder of pretrained weights."""
    fetched: Path | None = None
    """Folder of those from the hub."""
    tuning: Path | None
    features: Path | None = None
    start: Path | None = None
    """Bundle of a warm start."""
    identity: str
    """Of the training; see ``podium.training.identity``."""


class Started(Frozen):
    """A process runs."""

    kind: Literal["started"] = "started"
    rank: int
    pid: int


class Epoch(Frozen):
    """An epoch is finished, and its checkpoint written."""

    kind: Literal["epoch"] = "epoch"
    record: EpochRecord


class Step(Frozen):
    """How far an epoch is."""

    kind: Literal["step"] = "step"
    tick: Tick


class Failed(Frozen):
    """A process ends with an error; the name of its class, and the rest of a PodiumError."""

    kind: Literal["failed"] = "failed"
    rank: int
    error: str
    message: str
    remedy: str = ""
    outside: bool = False
    """Whether it may work next time."""


class Died(Frozen):
    """A process was found dead by torchrun's agent."""

    kind: Literal["died"] = "died"
    rank: int
    status: int
    """Exit status; negative: the signal that killed it."""


Message = Started | Epoch | Step | Failed | Died

_READER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def tell(message: Message) -> None:
    """Write a message to standard output, whoever else writes there. Nobody reading is no error."""
    if isinstance(message, Failed):
        message = message.model_copy(update={"message": message.message[: _LONGEST // 3]})
    try:
        os.write(1, f"{message.model_dump_json()}\n".encode())
    except BrokenPipeError:
        return


def read(line: str) -> Message | None:
    """The message in a line; None if it is something else that was printed."""
    try:
        return _READER.validate_json(line)
    except ValidationError:
        return None

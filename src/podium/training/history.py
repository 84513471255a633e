"""The epochs that an unfinished training has behind it, read from its checkpoint."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from podium.results import EpochRecord
from podium.training.checkpoint import CHECKPOINT, Progress


def saved_history(work: Path) -> tuple[EpochRecord, ...]:
    """The history in the checkpoint of a training, also from before a resumption; empty if there is none to read.

    Within ``on_epoch`` it ends with the epoch that is told: the checkpoint has just been written.
    """
    try:
        with safe_open(work / CHECKPOINT, framework="pt") as stream:
            return tuple(Progress.model_validate_json((stream.metadata() or {})["progress"]).history)
    except (OSError, SafetensorError, ValidationError, KeyError):
        return ()

"""What one training is about, and whom it reports to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Dataset
from podium.results import EpochRecord
from podium.training.epoch import Tick
from podium.training.ranks import Ranks

OnEpoch = Callable[[EpochRecord], None]
OnProgress = Callable[[Tick], None]


@dataclass(frozen=True)
class Job:
    """What is trained, on what, where."""

    candidate: Candidate
    contract: InputContract
    dataset: Dataset
    device: torch.device
    work: Path
    ranks: Ranks = field(default_factory=Ranks)
    """The processes that do it together."""
    features: Path | None = None
    """Where features of frozen backbones are kept, for all trainings; in ``work`` unless given."""
    start: Path | None = None
    """The bundle whose weights it starts from, which is ``candidate.start``."""

"""One training that ``recipes.py`` or ``transfer_curve.py`` asks for, in a process of its own, whose memory is its own.

The task comes as a line of JSON on standard input. Once that is closed - by who asks, or because it died -, the
training saves its state and ends with status 75; the same call goes on from there.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

from pydantic import ValidationError
from subsets import Subset  # beside this script

from podium import atomic
from podium.code import code_digest
from podium.config import Candidate, Frozen
from podium.data import Dataset, open_dataset
from podium.digest import digest_json
from podium.errors import PodiumError
from podium.evaluation.evaluate import evaluate
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.results import EpochRecord, Metrics, TrainingSummary
from podium.settings import Settings
from podium.training import train
from podium.training.hardware import describe_hardware

RESULT = "result.json"
CPU = "cpu_seconds"


class Task(Frozen):
    """What is asked for."""

    candidate: Candidate
    subset: Subset | None = None
    """Of the data set; all of it unless given."""
    features: Path | None = None
    """See ``podium.training.train``."""


class Result(Frozen):
    """What is kept of a finished training."""

    summary: TrainingSummary
    cpu_seconds: float
    """Of all attempts; what a killed one had done since its last epoch is lost."""
    validation: Metrics
    test: Metrics
    hardware: str
    code: str
    """Digest of the code that trained."""

    @classmethod
    def load(cls, folder: Path) -> Result | None:
        """What ``folder`` holds; None if there is no readable result."""
        try:
            return cls.model_validate_json((folder / RESULT).read_bytes())
        except (OSError, ValidationError):
            return None


def folder_of(work: Path, candidate: Candidate, data_digest: str, *more: str) -> Path:
    """Where a candidate is trained: another folder for any other recipe, seed, number of threads, data, or ``more``."""
    key = digest_json([candidate.model_dump(mode="json"), data_digest, *more])
    return work / candidate.recipe.id / f"seed-{candidate.seed}-{key[:16]}"


class _Effort:
    """CPU time of a training, over all attempts, in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.before = float(file.read_text()) if file.is_file() else 0.0
        self.start = self._spent()

    def __call__(self, _: EpochRecord | None = None) -> float:
        """Keep it, and return it."""
        seconds = self.before + self._spent() - self.start
        atomic.write_text(self.file, repr(seconds))
        return seconds

    @staticmethod
    def _spent() -> float:
        """Of this process and those that it waited for, which may have compiled something."""
        return sum(os.times()[:4])


def measure(task: Task, dataset: Dataset, folder: Path) -> Result:
    """Train, then look at validation and test; keep the result in ``folder``. Raises PodiumError."""
    candidate = task.candidate
    if task.subset:
        dataset = task.subset.of(dataset)
    weights = weights_store(Settings.from_environment())
    contract = contract_for(candidate, dataset.manifest, weights)
    driver = threading.Thread(target=sys.stdin.read, daemon=True)  # until it is closed
    driver.start()
    effort = _Effort(folder / CPU)
    try:
        bundle = train(
            candidate, dataset, contract, work=folder / "training", weights=weights,
            tuning=folder.parents[1] / "tuning", features=task.features,
            on_epoch=effort, stop=lambda: not driver.is_alive(),
        )  # fmt: skip
    finally:
        seconds = effort()
    result = Result(
        summary=bundle.summary,
        cpu_seconds=seconds,
        validation=evaluate(bundle, dataset, "validation").metrics,
        test=evaluate(bundle, dataset, "test").metrics,
        hardware=describe_hardware(),
        code=code_digest("podium.training"),
    )
    atomic.write_text(folder / RESULT, result.model_dump_json(indent=2) + "\n")
    return result


def main() -> None:
    """``python recipe_training.py DATA FOLDER``"""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    task = Task.model_validate_json(sys.stdin.readline())
    try:
        measure(task, open_dataset(Path(sys.argv[1])), Path(sys.argv[2]))
    except PodiumError as error:
        print(f"{task.candidate.name}, seed {task.candidate.seed}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

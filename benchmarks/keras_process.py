"""Keras's loop for ``training.py``: ``training_keras.py`` in a process of an interpreter that has TensorFlow."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from training_loops import Task  # beside this script

from podium.models import count_parameters, options_of

SCRIPT = Path(__file__).with_name("training_keras.py")


def keras(task: Task, python: Path, threads: int) -> Callable[[], None]:
    """A process that trains an epoch when it is told to; it ends with this one.

    Raises:
        ValueError: The recipe's family, or something else of it, is not built there.
    """
    recipe, trainer = task.candidate.recipe, task.trainer
    augment = trainer.augment.model_dump(include={"flip", "rotation", "zoom", "shift"})
    left_out = set(trainer.augment.model_dump(exclude_defaults=True)) - set(augment)
    if recipe.model.family != "cnn_blocks" or left_out or trainer.optimizer == "muon":
        raise ValueError(f"{recipe.id} is not built in Keras")
    settings = {
        "options": options_of(recipe.model).model_dump(),
        "parameters": count_parameters(task.network())[0],
        "classes": len(task.contract.class_names),
        "mean": [255 * value for value in task.contract.mean],
        "variance": [(255 * value) ** 2 for value in task.contract.std],
        "augment": augment,
        "batch_size": trainer.batch_size,
        "optimizer": trainer.optimizer,
        "label_smoothing": trainer.label_smoothing,
        "threads": threads,
    }
    with tempfile.TemporaryDirectory() as name:
        arrays, split = Path(name) / "arrays.npz", task.split
        np.savez(arrays, images=split.images, labels=split.labels.astype(np.int64), settings=json.dumps(settings))
        process = subprocess.Popen([python, SCRIPT, arrays], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def answer() -> str:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"Keras's process ended with status {process.wait()}")
            return line.strip()

        print(answer())  # it has read the file

    def epoch() -> None:
        process.stdin.write("\n")
        process.stdin.flush()
        answer()

    return epoch

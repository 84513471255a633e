"""A loop of ``training.py`` in a process of its own, where what it asks of the C library is nothing to the others."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from training_loops import LOOPS, OURS, Task  # beside this script

from podium.config import Candidate
from podium.data import open_dataset
from podium.models.contracts import contract_for
from podium.models.recipes import load_recipe
from podium.training.heap import kept_memory

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Order:
    """What is trained."""

    data: Path
    recipe: str
    images: int
    threads: int

    def task(self) -> Task:
        """The same for every loop."""
        recipe = load_recipe(self.recipe, ROOT / "configs" / "recipes")
        candidate = Candidate(name=recipe.id, recipe=recipe, seed=0, threads=self.threads)
        dataset = open_dataset(self.data)
        return Task(
            candidate, contract_for(candidate, dataset.manifest), dataset, min(self.images, len(dataset["train"]))
        )


def start(name: str, order: Order) -> Callable[[], None]:
    """A process that trains an epoch with one of ``LOOPS`` when it is told to; it ends with this one.

    Raises:
        EOFError: It has ended; its own message says why.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, name, order))
    process.start()
    theirs.close()
    ours.recv()

    def epoch() -> None:
        ours.send("train")
        ours.recv()

    return epoch


def _serve(asked: Connection, name: str, order: Order) -> None:
    torch.set_num_threads(order.threads)
    with kept_memory() if name in OURS else nullcontext():  # as ``podium.training.train`` has it
        epoch = LOOPS[name][1](order.task())
        while True:
            asked.send("done")
            try:
                asked.recv()
            except EOFError:
                os._exit(0)  # no waiting for a DataLoader's workers
            epoch()
            if torch.cuda.is_available():
                torch.cuda.synchronize()

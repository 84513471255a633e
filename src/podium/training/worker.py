"""``python -m podium.training.worker ORDER``: one of several processes of a training, as torchrun starts them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist
from filelock import FileLock

from podium.data import open_dataset
from podium.errors import DataError, PodiumError, TrainingStopped
from podium.failures import may_work_next_time
from podium.models import WeightsStore
from podium.results import EpochRecord
from podium.training.engine import fit
from podium.training.epoch import Tick
from podium.training.heap import kept_memory
from podium.training.job import Job
from podium.training.kernels import fastest_kernels
from podium.training.messages import Epoch, Failed, Order, Started, Step, tell
from podium.training.ranks import PeerLost, Ranks
from podium.training.stopping import SIGNALS, Request
from podium.training.threads import cpu_threads

LOCK: Final = "processes.lock"
"""Held by rank 0: processes whose starter was killed finish their step before others begin."""
PATIENCE: Final = timedelta(minutes=30)
"""For an answer of the others, who may be measuring or compiling. The death of one is noticed at once."""
MOURNING: Final = 60.0
"""Seconds in which the agent names the process that died, rather than one of those that miss it."""


class Orders:
    """Whether this process was asked to stop: by a signal, or by the end of its standard input.

    The latter reaches rank 0 when whoever started the training asks for it, or is dead.
    """

    def __init__(self) -> None:
        self.stop = False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.stop = True

    def watch_input(self) -> None:
        """Take the end of standard input as a request to stop."""

        def watch() -> None:
            while os.read(0, 1024):
                pass
            self.stop = True

        threading.Thread(target=watch, name="podium-orders", daemon=True).start()


def main(file: Path) -> int:
    """Do this process's part of an order. Returns the exit status: 0 also for a training that was asked to stop."""
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    orders = Orders()
    tell(Started(rank=rank, pid=os.getpid()))
    if rank == 0:
        orders.watch_input()
    try:
        _train(Order.model_validate_json(file.read_bytes()), rank, count, orders)
    except TrainingStopped as stopped:
        if rank == 0:
            tell(Failed(rank=rank, error=type(stopped).__name__, message=stopped.message))
    except PeerLost as lost:
        until = time.monotonic() + MOURNING
        while not orders.stop and time.monotonic() < until:
            time.sleep(0.05)
        tell(Failed(rank=rank, error=type(lost).__name__, message=lost.message, outside=True))
        return 1
    except PodiumError as error:
        tell(
            Failed(
                rank=rank,
                error=type(error).__name__,
                message=error.message,
                remedy=error.remedy,
                outside=may_work_next_time(error),
            )
        )
        return 1
    except Exception as error:  # told to the process that reports it; the stack goes to the log
        tell(Failed(rank=rank, error=type(error).__name__, message=str(error), outside=may_work_next_time(error)))
        raise
    return 0


def _train(order: Order, rank: int, count: int, orders: Orders) -> None:
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    dataset = open_dataset(order.data, only=("train", "validation"))
    if dataset.manifest.digest != order.digest:
        raise DataError(f"{order.data}: it was replaced since the training began", remedy="run again")

    def on_epoch(record: EpochRecord) -> None:
        tell(Epoch(record=record))

    def on_progress(tick: Tick) -> None:
        tell(Step(tick=tick))

    lock = FileLock(order.work / LOCK) if rank == 0 else nullcontext()
    with cpu_threads(order.candidate.threads), kept_memory(), fastest_kernels(device), lock:
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=PATIENCE)
        ranks = Ranks(rank, count)
        job = Job(order.candidate, order.contract, dataset, device, order.work, ranks, order.features, order.start)
        try:
            fit(
                job,
                WeightsStore(order.weights, order.fetched),
                order.identity,
                tuning=order.tuning,
                stop=Request(lambda: orders.stop),
                on_epoch=on_epoch if rank == 0 else None,
                on_progress=on_progress if rank == 0 else None,
            )
        finally:
            dist.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

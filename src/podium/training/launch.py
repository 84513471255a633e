"""Train a candidate in several processes: start torchrun's agent, pass on what they tell, and leave none behind."""

from __future__ import annotations

import logging
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import torch

from podium import errors
from podium.errors import PodiumError, TrainingCutShort, TrainingFailed
from podium.training.checkpoint import writing
from podium.training.job import OnEpoch, OnProgress
from podium.training.messages import Died, Epoch, Failed, Message, Order, Started, Step, read
from podium.training.stopping import POLL, Request

log = logging.getLogger(__name__)

FOLDER: Final = "processes"
"""In the work folder: order, log and error files of one attempt."""
GRACE: Final = 40.0
"""Seconds that processes have to end after their agent was told to end them (it kills after 30)."""


def launch(order: Order, stop: Request, on_epoch: OnEpoch | None, on_progress: OnProgress | None) -> None:
    """Train in as many processes as the candidate asks for; the result is left in the order's work folder.

    Args:
        order: What to train.
        stop: Looked at every ``POLL`` seconds.
        on_epoch: See ``podium.training.train``.
        on_progress: Likewise.

    Raises:
        TrainingFailed: The training is of no use, or a process died; the cause.
        TrainingStopped: ``stop`` asked for it; the state is saved.
        PodiumError: Whatever a process met.
    """
    candidate = order.candidate
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else None
    if gpus is not None and candidate.processes > gpus:
        raise TrainingFailed(
            f"processes is {candidate.processes}, but this machine has {gpus} GPU{'s' * (gpus != 1)}",
            remedy="set `processes` to the number of GPUs at most",
        )
    folder = order.work / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    with writing(order.work):
        folder.mkdir(parents=True)
        (folder / "order.json").write_text(order.model_dump_json())
    failed: Failed | None = None
    died: Died | None = None
    with _running(folder, candidate.processes) as agent:
        for message in agent.messages(stop):
            match message:
                case Epoch() if on_epoch:
                    on_epoch(message.record)
                case Step() if on_progress:
                    on_progress(message.tick)
                case Failed() if failed is None:
                    failed = message
                case Died() if died is None:
                    died = message
        status = agent.process.wait()
    stopped = failed is not None and failed.error == errors.TrainingStopped.__name__
    if stopped and status and not stop():
        failed = None  # they stopped because their agent died
    if failed and (died is None or died.status > 0):
        raise _error(failed, order, stop, folder)
    if died or status:
        raise _death(died, status, candidate.processes, folder)
    shutil.rmtree(folder, ignore_errors=True)


class _Agent:
    """The agent's process, and those that it started."""

    def __init__(self, folder: Path, count: int, stderr: int) -> None:
        from podium.training import agent

        self.pids: set[int] = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", agent.__name__, str(count), str(folder / "order.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is for this process, which passes it on
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, name="podium-messages", daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def messages(self, stop: Request) -> Iterator[Message]:
        """What the processes tell, until all have ended. Once ``stop`` says so, they are asked to stop.

        Those whose agent died are asked, too, and are not waited for longer than ``GRACE``.
        """
        until = math.inf
        while time.monotonic() < until:
            if self.process.poll() is not None:
                until = min(until, time.monotonic() + GRACE)
                self.ask_to_stop()
            elif stop():
                self.ask_to_stop()
            try:
                line = self._lines.get(timeout=POLL)
            except queue.Empty:
                continue
            if line is None:
                return
            message = read(line)
            if isinstance(message, Started):
                self.pids.add(message.pid)
            elif message:
                yield message

    def ask_to_stop(self) -> None:
        """Close their standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> None:
        """Leave no process behind, whatever state they are in."""
        self.ask_to_stop()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
            self.process.kill()
        if self.process.wait() < 0:  # else it has seen all of them end, and their numbers may be others'
            for pid in self.pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextmanager
def _running(folder: Path, count: int) -> Iterator[_Agent]:
    with writing(folder), (folder / "log").open("wb") as stream:
        agent = _Agent(folder, count, stream.fileno())
    try:
        yield agent
    finally:
        agent.end()


def _error(failed: Failed, order: Order, stop: Request, folder: Path) -> PodiumError:
    """The error that a process met, as it would have been raised here."""
    name = order.candidate.name
    if failed.error == errors.TrainingStopped.__name__:
        return stop.error(name, failed.message.removeprefix(f"{name}: stopped "))
    kind = getattr(errors, failed.error, None)
    if isinstance(kind, type) and issubclass(kind, PodiumError):
        kind = TrainingCutShort if failed.outside and kind is TrainingFailed else kind
        return kind(failed.message, remedy=failed.remedy)
    return (TrainingCutShort if failed.outside else TrainingFailed)(
        f"process {failed.rank + 1} of {order.candidate.processes}: {failed.error}: {failed.message}",
        remedy=f"look into {folder / 'log'}",
    )


def _death(died: Died | None, status: int, count: int, folder: Path) -> TrainingCutShort:
    remedy = f"look into {folder / 'log'}; run again: the training goes on after its last checkpoint"
    if died is None:
        return TrainingCutShort(f"the agent of {count} processes ended with status {status}", remedy=remedy)
    if died.status >= 0:
        return TrainingCutShort(f"process {died.rank + 1} of {count} ended with status {died.status}", remedy=remedy)
    name = signal.Signals(-died.status).name
    memory = "SIGKILL is what the system sends when memory runs out; " if name == "SIGKILL" else ""
    return TrainingCutShort(f"process {died.rank + 1} of {count} was ended by {name}", remedy=memory + remedy)

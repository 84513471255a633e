"""The pipeline of ``makespan.py``: steps that hold their slot for some seconds, as trainings do for hours."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from zenml import pipeline, step
from zenml.client import Client
from zenml.entrypoints.base_entrypoint_configuration import DEFAULT_ENTRYPOINT_COMMAND

from podium.orchestration.placing import no_jobs_left, wait
from podium.orchestration.slurm.entrypoint import SlurmEntrypointConfiguration
from podium.orchestration.slurm.transport import Done, Transport

SAMPLE = 5.0
"""Seconds between two looks at the driver's memory."""


@step(enable_cache=False)
def hold(seconds: float) -> list[float]:
    """Wait. Returns when it began and ended, seconds since 1970, and the seconds of a core that it took to begin."""
    begun, taken = time.time(), time.process_time()
    time.sleep(seconds)
    return [begun, time.time(), taken]


@pipeline(dynamic=True, enable_cache=False)
def makespan_pipeline(seconds: list[float], settings: dict[str, Any], told: str) -> None:
    """Run steps of so many seconds side by side. ``told`` is a JSON file of what was measured.

    ``rows``: when each was asked for, began and ended, and its core's seconds before it began. ``memory``: the
    driver's, bytes, with the time. ``commands``: each of Slurm's that the driver ran, with the time. All times are
    seconds since 1970.
    """
    with no_jobs_left(), watched() as (memory, commands):
        asked, futures = [], []
        for number, duration in enumerate(seconds):
            placed = hold.with_options(step_operator=True, settings={"step_operator": settings})
            asked.append(time.time())
            futures.append(placed.submit(duration, id=f"hold_{number}"))
        rows = []
        for start, future in zip(asked, futures, strict=True):
            wait(future)
            rows.append([start, *future.load()])
        Path(told).write_text(json.dumps({"rows": rows, "memory": memory, "commands": commands}))


@contextmanager
def watched() -> Iterator[tuple[list[tuple[float, int]], list[tuple[float, str]]]]:
    """The driver's memory, every ``SAMPLE`` seconds, and the commands that it runs against Slurm, as they come."""
    memory: list[tuple[float, int]] = []
    commands: list[tuple[float, str]] = []
    run, over = Transport.run, threading.Event()

    def counting(self: Transport, *command: str, **options: Any) -> Done:
        name = "sbatch" if any("sbatch" in word for word in command) else command[0]
        commands.append((time.time(), name))
        return run(self, *command, **options)

    def look() -> None:
        while not over.is_set():
            memory.append((time.time(), psutil.Process().memory_info().rss))
            over.wait(SAMPLE)

    Transport.run = counting  # type: ignore[method-assign]
    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield memory, commands
    finally:
        over.set()
        looking.join()
        Transport.run = run  # type: ignore[method-assign]


def main(seconds: str, settings: str, told: str, program: str) -> None:
    """Run it as a program (``python -c``: ZenML has to find it under its module's name).

    Args:
        seconds: JSON list.
        settings: JSON object: the steps'.
        told: File.
        program: ``podium``, or ``zenml`` for jobs that run ZenML's own program for entrypoints.
    """
    if program == "zenml":
        usual = classmethod(lambda cls: list(DEFAULT_ENTRYPOINT_COMMAND))
        SlurmEntrypointConfiguration.get_entrypoint_command = usual  # type: ignore[method-assign,assignment]
    os.environ |= {"ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL": "1"}
    Client().activate_stack("slurm")
    makespan_pipeline(json.loads(seconds), json.loads(settings), told)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The pipeline of ``makespan.py``: steps that hold their slot for some seconds, as trainings do for hours."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from zenml import pipeline, step
from zenml.client import Client

from podium.orchestration.placing import no_jobs_left, wait


@step(enable_cache=False)
def hold(seconds: float) -> list[float]:
    """Wait. Returns when it began and ended, seconds since 1970."""
    begun = time.time()
    time.sleep(seconds)
    return [begun, time.time()]


@pipeline(dynamic=True, enable_cache=False)
def makespan_pipeline(seconds: list[float], settings: dict[str, Any], told: str) -> None:
    """Run steps of so many seconds side by side; write when each was asked for, began and ended into ``told``."""
    memory = [psutil.Process().memory_info().rss]
    with no_jobs_left():
        asked, futures = [], []
        for number, duration in enumerate(seconds):
            placed = hold.with_options(step_operator=True, settings={"step_operator": settings})
            asked.append(time.time())
            futures.append(placed.submit(duration, id=f"hold_{number}"))
        rows = []
        for start, future in zip(asked, futures, strict=True):
            wait(future)
            rows.append([start, *future.load()])
            memory.append(psutil.Process().memory_info().rss)
        Path(told).write_text(json.dumps({"rows": rows, "memory": memory}))


def main(seconds: str, settings: str, told: str) -> None:
    """Run it as a program (``python -c``: ZenML has to find it under its module's name)."""
    os.environ |= {"ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL": "1"}
    Client().activate_stack("slurm")
    makespan_pipeline(json.loads(seconds), json.loads(settings), told)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A pipeline whose steps do in seconds what trainings do in hours: succeed, fail, eat memory, save their state."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from zenml import get_step_context, pipeline, step
from zenml.client import Client
from zenml.enums import ExecutionMode

from podium.errors import PodiumError, TrainingStopped
from podium.failures import failure_of
from podium.orchestration.placing import no_jobs_left, wait
from podium.orchestration.stopping import stopping


def seen() -> str:
    return f"{os.uname().nodename} {os.environ['CUDA_VISIBLE_DEVICES']}"


def fail() -> str:
    raise PodiumError("the loss is not finite", remedy="lower the learning rate")


def vanish() -> str:
    sys.stderr.write("CUDA error: an illegal memory access was encountered\n")
    os._exit(134)


def eat() -> str:
    eaten = bytearray(3_000_000_000)
    time.sleep(60)
    return str(len(eaten))


def fill() -> str:
    return "x" * 3_000_000


def sleep() -> str:
    time.sleep(900)
    return "slept"


def train() -> str:
    """Save its state when it is asked to end; go on from it."""
    saved = Path(os.environ["PODIUM_STATE"]) / f"{get_step_context().step_run.id}.saved"
    if saved.exists():
        return f"resumed, {seen()}"
    for _ in range(9000):
        time.sleep(0.1)
        if stopping():
            saved.touch()
            raise TrainingStopped("stopped at step 17")
    return "was never asked"


again = limited = preempted = lost = train
overdue = sleep
"""Others like them."""


@step(enable_cache=False)
def work(kind: str) -> str:
    (Path(os.environ["PODIUM_STATE"]) / f"begun.{kind}").touch()
    return str(globals()[kind]())


@pipeline(dynamic=True, execution_mode=ExecutionMode.CONTINUE_ON_FAILURE)
def tiny_pipeline(branches: dict[str, dict[str, Any]], told: str) -> None:
    """Run branches of ``kind: settings`` side by side; write what became of them into the file ``told``."""
    with no_jobs_left():
        futures = {
            kind: work.with_options(step_operator=True, settings={"step_operator": settings}).submit(kind, id=kind)
            for kind, settings in branches.items()
        }
        ended = {}
        for kind, future in futures.items():
            try:
                wait(future)
                ended[kind] = future.load()
            except Exception as error:  # noqa: BLE001
                ended[kind] = f"failed: {failure_of(error).cause}"
        Path(told).write_text(json.dumps(ended))


@step(enable_cache=False)
def one() -> int:
    return 1


@step(enable_cache=False, step_operator=True, settings={"step_operator": {"cpus": 1, "memory": "950M", "gpus": 0}})
def double(number: int) -> int:
    mark = Path(os.environ["PODIUM_STATE"]) / "begun.double"
    mark.touch()
    while (mark.parent / "hold").exists():
        time.sleep(0.1)
    return 2 * number


@step(enable_cache=False)
def add(left: int, right: int) -> None:
    (Path(os.environ["PODIUM_STATE"]) / "sum").write_text(str(left + right))


@step(enable_cache=False)
def never() -> None:
    raise PodiumError("the disk is gone")


@pipeline
def static_pipeline(fails: bool) -> None:
    """One here, two of it as jobs side by side, and here again."""
    number = one()
    left, right = double(number, id="left"), double(number, id="right")
    if fails:
        never(after=["left"])
    else:
        add(left, right)


def main(branches: str, told: str) -> None:
    """Run the pipeline as a program (``python -c``: ZenML has to find it under its module's name)."""
    os.environ |= {"ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL": "1", "ZENML_PARAMETER_SIZE_THRESHOLD": "100000"}
    Client().activate_stack(os.environ.get("STACK", "slurm"))
    if told in ("good", "bad"):
        static_pipeline(told == "bad")
    else:
        tiny_pipeline(json.loads(branches), told)

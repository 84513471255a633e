"""A pipeline to be scheduled, and ZenML's commands in one process: each of its own would take seven seconds."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

from zenml import pipeline, step
from zenml.cli.cli import cli


@step(enable_cache=False)
def note() -> str:
    with (Path(os.environ["PODIUM_STATE"]) / "noted").open("a") as file:
        file.write(f"{os.environ['SLURM_JOB_ID']}\n")
    if (patience := Path(os.environ["PODIUM_STATE"]) / "patience").exists():
        time.sleep(float(patience.read_text()))
    return os.uname().nodename


@pipeline(dynamic=True, enable_cache=False)
def scheduled_pipeline() -> None:
    note()


def main() -> None:
    """Do what standard input says, line by line; after each, a line that tells that it is done."""
    for line in sys.stdin:
        try:
            cli(shlex.split(line), standalone_mode=False)
            sys.stdout.write("\n= done\n")
        except BaseException as error:  # noqa: BLE001
            sys.stdout.write(f"\n= failed: {error}\n")
        sys.stdout.flush()

"""A pipeline to be scheduled, and ZenML's commands in one process: each of its own would take seven seconds."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from zenml import get_step_context, pipeline, step
from zenml.cli.cli import cli


@step(enable_cache=False)
def note() -> None:
    """Leave a line for each run."""
    with (Path(os.environ["PODIUM_STATE"]) / f"noted.{get_step_context().pipeline.name}").open("a") as file:
        file.write(f"{os.environ['SLURM_JOB_ID']}\n")


@pipeline(dynamic=True)
def nightly_pipeline() -> None:
    note()


@pipeline
def minutely_pipeline() -> None:
    """A static one."""
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

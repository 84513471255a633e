"""A run of ZenML's on the stack of ``infra/stacks/local.yaml``, and what a person reads of it later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from podium.orchestration.environment import isolated_environment, without_zenml
from podium.settings import Settings
from tests.conftest import ROOT

PROGRAM = """
import sys
from zenml import pipeline, step
from zenml.client import Client

@step(enable_cache=False)
def measure() -> dict:
    return {"accuracy": 0.97}

@pipeline
def measuring():
    measure()

if sys.argv[1] == "run":
    from podium.orchestration.stacks import read, up
    from podium.settings import Settings
    up(read("local", Settings.from_environment()), lambda line: None)
    Client().activate_stack("podium_local")
    measuring()
run = Client().list_pipeline_runs(hydrate=True).items[0]
found = run.steps["measure"].output
print(found.uri, found.load())
"""


def told(settings: Settings, what: str, database: str | None = None) -> str:
    """What a process prints that makes the run (``run``), or only reads it (``read``): its artifact's place and value.

    ``database``: ZenML's, where that is not in the state folder.
    """
    program = settings.state.parent / "measuring.py"
    program.write_text(PROGRAM)
    variables = {**without_zenml(os.environ), **isolated_environment(settings), "PODIUM_ROOT": str(ROOT)}
    if database:
        variables["ZENML_STORE_URL"] = database
    done = subprocess.run(
        [sys.executable, program, what], env=variables, cwd=program.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def installation(root: Path) -> Settings:
    """One in a folder that is made."""
    root.mkdir()
    return Settings.from_environment({"PODIUM_ROOT": str(root), "PODIUM_STATE": str(root / "state")})

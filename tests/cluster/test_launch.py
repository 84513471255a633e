"""The program of a step's job: what it leaves for later comes out the same."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from podium.orchestration.slurm import launch
from podium.orchestration.slurm.entrypoint import SlurmEntrypointConfiguration

SCHEMAS = """
import json, sys
from pydantic import BaseModel

def models(known):
    for model in known.__subclasses__():
        yield model
        yield from models(model)

def schemas(every):
    import zenml.entrypoints.entrypoint
    found = {f"{model.__module__}.{model.__qualname__}": model for model in models(BaseModel)}
    names = [name for name in sorted(found) if name.startswith("zenml.models.")]
    built = sum(found[name].__pydantic_complete__ for name in names)
    return len(names), built, {name: found[name].model_json_schema() for name in names[::every] if told(found[name])}

def told(model):  # some, which are but bases of others, ZenML itself never completes
    return model.__pydantic_complete__ or model.model_rebuild(raise_errors=False)
"""


def told_by(program: str) -> dict[str, Any]:
    """What a new process tells, in which no other test has made models."""
    done = subprocess.run(
        [sys.executable, "-c", SCHEMAS + program], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    """What a new process tells that has imported ZenML as a job does."""
    program = """
from typing import Optional
from podium.orchestration.slurm.launch import built_when_used
with built_when_used():
    count, built, found = schemas(15)

class Mine(BaseModel):
    number: int

def local():
    class Node(BaseModel):
        next: Optional["Leaf"] = None
    class Leaf(BaseModel):
        number: int
    Node.model_rebuild()
    return Node(next={"number": 3}).next.number

from podium.orchestration.slurm import entrypoint
modules = [name for name in sys.modules if name.startswith("podium.orchestration.slurm.")]
told = {"count": count, "built": built, "found": found, "modules": modules}
print(json.dumps(told | {"mine": Mine.__pydantic_complete__, "local": local()}))
"""
    return told_by(program)


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """The schemas of an ordinary import, as far as ZenML completes the models."""
    return told_by(
        "count, built, found = schemas(15)\nprint(json.dumps({'count': count, 'built': built, 'found': found}))"
    )


@pytest.mark.slow
def test_models_that_are_built_when_used_are_those_of_an_ordinary_import(
    job: dict[str, Any], usual: dict[str, Any]
) -> None:
    assert len(usual["found"]) > 20
    assert {name: job["found"].get(name) for name in usual["found"]} == usual["found"]


@pytest.mark.slow
def test_most_models_are_not_built_by_the_import(job: dict[str, Any], usual: dict[str, Any]) -> None:
    assert usual["built"] > 0.8 * usual["count"]
    assert job["built"] < 0.2 * job["count"]


@pytest.mark.slow
def test_a_steps_own_models_are_built_as_ever(job: dict[str, Any]) -> None:
    assert job["mine"] is True
    assert job["local"] == 3


@pytest.mark.slow
def test_a_step_does_not_import_what_the_driver_needs(job: dict[str, Any]) -> None:
    assert "podium.orchestration.slurm.entrypoint" in job["modules"]
    assert not {"podium.orchestration.slurm.tick", "podium.orchestration.slurm.driver"} & set(job["modules"])


def test_a_refused_import_leaves_pydantic_as_it_was() -> None:
    before = BaseModel.model_config, BaseModel.__dict__["model_rebuild"]
    with pytest.raises(ImportError), launch.built_when_used():
        raise ImportError("no such module")
    assert (BaseModel.model_config, BaseModel.__dict__["model_rebuild"]) == before


def test_garbage_is_collected_again_while_the_step_runs() -> None:
    gc.disable()
    try:
        launch.warm()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
        gc.enable()


def test_the_job_runs_this_program() -> None:
    assert SlurmEntrypointConfiguration.get_entrypoint_command() == ["python", "-m", launch.__name__]

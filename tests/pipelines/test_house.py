"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.orchestration.strict import SWEEP_STEPS, TRAINING_STEPS, step_name
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("source_root")

STEP_FILES = sorted(p for p in (ROOT / "steps").glob("*.py") if p.name != "__init__.py")
PODIUM = sorted((ROOT / "src" / "podium").rglob("*.py"))


@pytest.mark.slow
def test_the_checked_step_names_are_the_pipelines() -> None:
    from pipelines.retraining import retraining_pipeline
    from pipelines.sweep import sweep_pipeline
    from pipelines.training import training_pipeline

    assert tuple(step_name(step) for step in training_pipeline.depends_on) == TRAINING_STEPS
    assert retraining_pipeline.depends_on == training_pipeline.depends_on
    assert tuple(step_name(step) for step in sweep_pipeline.depends_on) == SWEEP_STEPS


@pytest.mark.parametrize("file", STEP_FILES, ids=lambda path: path.stem)
def test_steps_are_thin(file: Path) -> None:
    functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert functions
    for function in functions:
        assert (function.end_lineno or 0) - function.lineno < 30, f"{file.name}: {function.name} is no thin adapter"


@pytest.mark.parametrize("file", [*PODIUM, *STEP_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_have_one_purpose(file: Path) -> None:
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    assert len(text.splitlines()) <= 260


@pytest.mark.slow
def test_every_output_is_stored_without_pickle() -> None:
    from zenml.materializers.cloudpickle_materializer import CloudpickleMaterializer
    from zenml.materializers.materializer_registry import materializer_registry

    from pipelines.pretraining import pretraining_pipeline
    from pipelines.promotion import promotion_pipeline
    from pipelines.sweep import sweep_pipeline
    from pipelines.training import training_pipeline

    pipelines = (training_pipeline, pretraining_pipeline, sweep_pipeline, promotion_pipeline)
    for step in {step for pipeline in pipelines for step in pipeline.depends_on}:
        for name, output in step.entrypoint_definition.outputs.items():
            explicit = step.configuration.outputs.get(name)
            if explicit is None or not explicit.materializer_source:
                chosen = materializer_registry[output.resolved_annotation]
                assert not issubclass(chosen, CloudpickleMaterializer), f"{step_name(step)}: {name}"


@pytest.mark.slow
def test_imports_have_no_side_effects(tmp_path: Path) -> None:
    """Importing everything makes no file, opens no store and leaves the environment alone."""
    modules = [
        ".".join(p.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for p in PODIUM
        if p.name != "pyfunc.py"  # MLflow loads it as code of a model
    ]
    pipelines = [f"pipelines.{name}" for name in ("training", "pretraining", "promotion", "sweep")]
    code = (
        "import os, json, importlib; before = dict(os.environ)\n"
        f"for name in {[*modules, *pipelines]!r}: importlib.import_module(name)\n"
        "mine = lambda key: key.startswith(('PODIUM', 'ZENML'))\n"
        "print(json.dumps(sorted(k for k in os.environ if mine(k) and before.get(k) != os.environ[k])))"
    )
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    env["ZENML_CONFIG_PATH"] = str(tmp_path / "zenml")
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert not (tmp_path / "zenml").exists()
    assert not (tmp_path / ".podium").exists()

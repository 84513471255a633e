"""Classes of Podium are recorded under the names by which they are imported, wherever the checkout lies."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from zenml.steps import BaseStep
from zenml.utils import source_utils

import pipelines
import steps
from podium.errors import ConfigError, PodiumError
from podium.orchestration.step import keep_name, step
from podium.results import DataReference, Metrics
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("source_root")


def all_steps() -> Iterator[BaseStep]:
    for module in pkgutil.iter_modules(steps.__path__):
        for value in vars(importlib.import_module(f"steps.{module.name}")).values():
            if isinstance(value, BaseStep):
                yield value


def classes(hint: Any) -> Iterator[type[Any]]:
    """Those of Podium in a type hint."""
    if isinstance(hint, type) and hint.__module__.startswith("podium."):
        yield hint
    for argument in get_args(hint):
        yield from classes(argument)


def test_what_steps_take_and_return_is_loaded_as_the_class_that_is_imported() -> None:
    hints = [hint for each in all_steps() for hint in get_type_hints(each.entrypoint).values()]
    sources = [
        source
        for each in all_steps()
        for output in each.configuration.outputs.values()
        for source in output.materializer_source or ()
    ]
    kinds = {kind for hint in hints for kind in classes(hint)}
    assert {"DataReference", "TrialResult", "Bundle", "RunConfig"} <= {kind.__name__ for kind in kinds}
    for kind in kinds:
        source = source_utils.resolve(kind)
        assert source.import_path == f"{kind.__module__}.{kind.__name__}"
        assert source_utils.load(source) is kind
    assert {source.import_path for source in sources} == {
        f"podium.orchestration.materializers.{kind}Materializer" for kind in ("Bundle", "Evaluation", "Examination")
    }


@pytest.mark.slow
def test_importing_the_steps_opens_no_database(tmp_path: Path) -> None:
    """Two first runs at the same time would make it at the same time; see ``podium.orchestration.prepare``."""
    given = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "ZENML_CONFIG_PATH": str(tmp_path / "zenml"),
        "ZENML_CUSTOM_SOURCE_ROOT": str(ROOT),
    }
    modules = [f"{package.__name__}.{found.name}" for package in (pipelines, steps)
               for found in pkgutil.iter_modules(package.__path__)]  # fmt: skip
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *modules], env=given, cwd=tmp_path, check=True, timeout=300)
    assert not list(tmp_path.rglob("*.db"))


def test_classes_in_arguments_and_errors_keep_their_names_and_sub_classes_have_their_own() -> None:
    class Made(DataReference):
        pass

    Made.__module__ = "podium.made"
    keep_name(dict[DataReference, list[Metrics]])
    keep_name(PodiumError)
    assert source_utils.resolve(Metrics).module == "podium.results"
    assert Made.__zenml_source__.import_path == "podium.made.Made"  # type: ignore[attr-defined]
    for error in (PodiumError, ConfigError):
        assert source_utils.load(source_utils.resolve(error)) is error


def test_a_class_of_others_is_left_to_zenml() -> None:
    class Theirs:
        pass

    @step(enable_cache=False)
    def made(value: int) -> int:
        return value

    keep_name(Theirs)
    keep_name(None)
    assert isinstance(made, BaseStep)
    assert not hasattr(Theirs, "__zenml_source__")

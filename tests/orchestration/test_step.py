"""Classes of Podium are recorded under the names by which they are imported, wherever the checkout lies."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from zenml.steps import BaseStep
from zenml.utils import source_utils

import steps
from podium.errors import ConfigError, PodiumError
from podium.orchestration.step import keep_name, step
from podium.results import DataReference, Metrics

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


def kinds() -> list[type[Any]]:
    """What the steps take, return, and store it with."""
    hints = [hint for each in all_steps() for hint in get_type_hints(each.entrypoint).values()]
    stores = [
        source_utils.load(source)
        for each in all_steps()
        for output in each.configuration.outputs.values()
        for source in output.materializer_source or ()
    ]
    return sorted({kind for hint in [*hints, *stores] for kind in classes(hint)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_what_steps_take_and_return_is_loaded_as_the_class_that_is_imported(kind: type[Any]) -> None:
    source = source_utils.resolve(kind)
    assert source.import_path == f"{kind.__module__}.{kind.__name__}"
    assert source_utils.load(source) is kind


def test_there_are_such_classes() -> None:
    names = {kind.__name__ for kind in kinds()}
    assert {"DataReference", "TrialResult", "Bundle", "BundleMaterializer", "RunConfig"} <= names


def test_classes_in_arguments_and_errors_keep_their_names_and_sub_classes_have_their_own() -> None:
    class Made(DataReference):
        pass

    Made.__module__ = "podium.made"
    keep_name(list[Metrics])
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

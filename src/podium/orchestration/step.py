"""ZenML's step decorator, with names that lead back to our classes.

ZenML names a class by its file's place below the source root, which in a checkout is ``src.podium.results.Metrics``.
Loading that name imports the module once more, beside ``podium.results``: pydantic refuses instances of its classes,
``isinstance`` does not know them, and where Podium is installed there is no such name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import zenml
from zenml.config.source import Source, SourceType
from zenml.steps import BaseStep
from zenml.utils.source_utils import ZENML_SOURCE_ATTRIBUTE_NAME

from podium.errors import PodiumError

_PACKAGE = "podium"


class OwnName:
    """A class attribute that tells ZenML the class's own dotted name; sub-classes have theirs."""

    def __get__(self, instance: object, owner: type[Any]) -> Source:
        """The source that ZenML records."""
        return source_of(owner)


def source_of(ours: type[Any] | Callable[..., Any]) -> Source:
    """A class or function of a module's top level by the name by which it is imported, in whatever version.

    ZenML itself would ask its database whether the checkout is a code repository, and make one where there is none.
    """
    return Source(module=ours.__module__, attribute=ours.__name__, type=SourceType.UNKNOWN)


def step(**options: Any) -> Callable[[Callable[..., Any]], BaseStep]:
    """Decorate a function as ``zenml.step`` does, with its options.

    The classes of Podium that the function takes or returns, and those that store them, are recorded, and so loaded,
    under the names by which they are imported.
    """

    def decorate(function: Callable[..., Any]) -> BaseStep:
        for kind in (PodiumError, options.get("output_materializers"), *get_type_hints(function).values()):
            keep_name(kind)
        return zenml.step(**options)(function)

    return decorate


def keep_name(kind: Any) -> None:
    """Have ZenML record a class of Podium, and those in its arguments (``list[Metrics]``), by its own name."""
    for argument in get_args(kind):
        keep_name(argument)
    ours = isinstance(kind, type) and kind.__module__.split(".")[0] == _PACKAGE
    if ours and not hasattr(kind, ZENML_SOURCE_ATTRIBUTE_NAME):
        setattr(kind, ZENML_SOURCE_ATTRIBUTE_NAME, OwnName())

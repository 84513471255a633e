"""The program of a step's job: ZenML's own, with less work before the step begins.

Two thirds of a launch are Python's work on ZenML's classes. What is spared here changes no result: the garbage
collector looks at hundreds of thousands of objects none of which is garbage, and pydantic builds the validators of some
600 models of which a step uses a sixth.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

MODELS: Final = "zenml.models"


def main() -> None:
    """Run ZenML's program for entrypoints with this process's arguments; ``warm`` turns garbage collection on again."""
    gc.disable()
    with built_when_used():
        from zenml.entrypoints import entrypoint
    entrypoint.main()


def warm() -> None:
    """Collect garbage from now on, and none of what the launch has made, which stays."""
    gc.freeze()
    gc.enable()


@contextmanager
def built_when_used() -> Iterator[None]:
    """ZenML's models, imported within, build their validators when they are first used; pydantic does it (2.12).

    At the end of its import ZenML has those with forward references built, by calls of ``model_rebuild`` that find the
    names where they are called. These calls are left out, and the same names are given later. Models of others, defined
    after the block, are built at once, as ever.
    """
    config, rebuild = BaseModel.model_config, BaseModel.__dict__["model_rebuild"]
    BaseModel.model_config = ConfigDict(defer_build=True)
    BaseModel.model_rebuild = _rebuilding(rebuild.__func__)  # type: ignore[method-assign]
    try:
        yield
    except BaseException:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
        raise
    finally:
        BaseModel.model_config = config


def _rebuilding(rebuild: Callable[..., bool | None]) -> Any:
    """``BaseModel.model_rebuild`` that knows ZenML's names, and takes no call from the import of its models."""

    @functools.wraps(rebuild)
    def with_names(
        cls: type[BaseModel],
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Any = None,
    ) -> bool | None:
        caller = sys._getframe(1)
        if caller.f_globals.get("__name__") == MODELS and caller.f_code.co_name == "<module>":
            return None
        if _types_namespace is None and cls.__module__.startswith("zenml."):
            _types_namespace = vars(sys.modules[MODELS])
        return rebuild(
            cls, force=force, raise_errors=raise_errors, _parent_namespace_depth=_parent_namespace_depth + 1,
            _types_namespace=_types_namespace,
        )  # fmt: skip

    return classmethod(with_names)


if __name__ == "__main__":
    main()

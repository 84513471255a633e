"""A cheap look before a scheduled run: whether there is anything to do that a driver is worth starting for.

A pipeline may name a module for it. Who fires its schedules runs that module as a program (``python -m``) in the source
root, with the variables of a driver, and the pipeline's parameters as JSON on standard input. It records what it finds
as the pipeline itself would. Its exit status ``podium.errors.NOTHING_DUE`` says that there is nothing to do; whatever
else it ends with, the pipeline is run.
"""

from __future__ import annotations

from typing import Any, Final

from zenml.config.pipeline_configurations import PipelineConfiguration

_KEY: Final = "podium_look"


def looked_at_by(module: str | None) -> dict[str, Any]:
    """What a pipeline says of itself (``extra``) so that a module is its look; nothing without one."""
    return {_KEY: module} if module else {}


def look_of(pipeline: PipelineConfiguration) -> tuple[str, ...]:
    """The command of a pipeline's look; empty if it has none."""
    module = pipeline.extra.get(_KEY)
    return ("python", "-m", str(module)) if module else ()

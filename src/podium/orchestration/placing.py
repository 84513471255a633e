"""Where steps run: in this process, or as jobs if the stack has a step operator."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from zenml.client import Client
from zenml.config import DockerSettings
from zenml.execution.pipeline.dynamic.run_context import DynamicPipelineRunContext

from podium.config.load import load_yaml

logger = logging.getLogger(__name__)

LOOK: Final = 0.5
"""Seconds between two looks at a step."""
IMAGE_LABEL: Final = "podium_image"
"""The label of a stack that names the image of its containers."""


def placing(steps: Collection[str], file: Path) -> dict[str, dict[str, bool]]:
    """The part of a run's configuration that makes steps jobs, where the active stack has a step operator.

    ZenML takes a step's configuration in a dynamic pipeline from the compiled pipeline alone, so that the pipeline's
    body is too late for it. What the file says about a step (``step_operator: false``) stays.
    """
    if not steps or Client().active_stack.step_operator is None:
        return {}
    written = load_yaml(file).get("steps") or {}
    return {step: {"step_operator": True} for step in steps if "step_operator" not in (written.get(step) or {})}


def containers(file: Path) -> dict[str, Any]:
    """The part of a run's configuration that makes containers those of the active stack's image, if it names one.

    ZenML would build an image of its own otherwise. What the file says (``settings.docker``) stays.
    """
    image = (Client().active_stack_model.labels or {}).get(IMAGE_LABEL)
    if not image or "docker" in (load_yaml(file).get("settings") or {}):
        return {}
    # The code is in the image: neither downloaded nor built into one.
    return {"docker": DockerSettings(parent_image=image, skip_build=True, allow_download_from_artifact_store=False)}


def is_job(step: str) -> bool:
    """Whether a step of the running pipeline runs elsewhere, as a job of its own."""
    context = DynamicPipelineRunContext.get()
    known = context.snapshot.step_configurations.get(step) if context else None
    return known is not None and bool(known.config.step_operator)


def wait(future: Any) -> None:
    """Wait for a step. Its ``result`` alone would look at a job after 1, 2, 4, … 64 seconds."""
    while future.running():
        time.sleep(LOOK)


@contextmanager
def no_jobs_left() -> Iterator[None]:
    """Cancel the jobs of a run that is given up; those of a killed process go on, and a new driver finds them."""
    try:
        yield
    except BaseException:
        if operator := sys.modules.get("podium.orchestration.slurm.step_operator"):
            operator.cancel_all()
        raise

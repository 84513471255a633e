"""A look before a driver is started: most nights there is nothing to do. See ``podium.orchestration.looks``."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Mapping
from typing import Final

from podium.errors import NOTHING_DUE
from podium.orchestration.slurm.plan import Plan

logger = logging.getLogger(__name__)

PATIENCE: Final = 1800.0
"""Seconds for a look: where it compares new images with old ones, a first one takes minutes."""
_ROOT: Final = "ZENML_CUSTOM_SOURCE_ROOT"


def nothing_to_do(plan: Plan, variables: Mapping[str, str]) -> bool:
    """Whether a schedule's look finds nothing to do. A look that fails finds something: the driver will tell.

    Args:
        plan: The schedule's.
        variables: The driver's. The look prints to this process's own output.
    """
    if not plan.look:
        return False
    environment = {**os.environ, **variables}
    try:
        done = subprocess.run(
            plan.look, input=json.dumps(plan.parameters), cwd=variables.get(_ROOT), env=environment, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("%s: the look could not be made (%s), so its driver is started", plan.name, error)
        return False
    return done.returncode == NOTHING_DUE

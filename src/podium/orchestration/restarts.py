"""Whether a run whose driver is gone goes on: orchestrators that run drivers as jobs start them again.

``python -m podium.orchestration.restarts RUN`` prints ``GOES_ON`` if so, for who knows no ZenML.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Final, cast
from uuid import UUID

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import PipelineRunResponse
from zenml.orchestrators import BaseOrchestrator
from zenml.stack import StackComponent

logger = logging.getLogger(__name__)

GOES_ON: Final = "goes on"
_LOOKS: Final = 3
"""Slurm's poller calls a job unknown, and its run ended, after two looks in which it was missing."""


def goes_on(client: Client, run: UUID) -> bool:
    """Whether a run's orchestrator still has its driver: held back until its restart, queued, or starting.

    False where the run has ended, the store has forgotten it, its stack is gone, or its driver is a mere process. True
    where the orchestrator does not answer, or cannot be loaded here: such a run is not ours to end.
    """
    try:
        found = client.get_pipeline_run(run)
    except KeyError:
        return False
    components = found.stack.components.get(StackComponentType.ORCHESTRATOR) if found.stack else None
    if found.status.is_finished or not components:
        return False
    try:
        return _driven(cast(BaseOrchestrator, StackComponent.from_model(components[0])), found)
    except Exception as error:  # noqa: BLE001 - of whatever orchestrator it is
        logger.warning("nobody can tell here whether run %s goes on, so it is left alone (%s)", found.name, error)
        return True


def _driven(orchestrator: BaseOrchestrator, run: PipelineRunResponse) -> bool:
    for look in range(_LOOKS):
        if look:
            time.sleep(getattr(orchestrator.config, "poll_seconds", 0))
        try:
            status, _ = orchestrator.fetch_status(run)
        except NotImplementedError:
            return False  # it starts nothing again
        if status is not None and status.is_finished:
            return False
    logger.info("run %s waits for its driver to start again; it is left alone", run.name)
    return True


if __name__ == "__main__":
    sys.stdout.write(GOES_ON if goes_on(Client(), UUID(sys.argv[1])) else "")

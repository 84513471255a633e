"""Ask for a decision; nothing is promoted without one."""

from typing import Annotated

from zenml import get_step_context
from zenml.client import Client
from zenml.types import HTMLString

from podium.bundle import Bundle
from podium.orchestration.filing import Filed
from podium.orchestration.registration import ask_for_review
from podium.orchestration.step import step
from podium.registry.request import RegisteredVersion
from podium.registry.state import Review
from podium.settings import Settings


@step(enable_cache=False)
def request_review(
    version: RegisteredVersion, winner: Bundle, report: HTMLString, filed: list[Filed]
) -> Annotated[Review, "review"]:
    """Open the review, with the winner's and the report's lineage in ZenML's model control plane.

    ``filed`` is empty where nothing is to be decided.
    """
    context = get_step_context()
    artifacts = [str(context.inputs[name][0].id) for name in ("winner", "report")]
    return ask_for_review(
        Settings.from_environment(),
        Client(),
        version,
        next(iter(filed), None),
        pipeline_run=str(context.pipeline_run.id),
        artifacts=artifacts,
    )

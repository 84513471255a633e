"""Carry out a recorded decision: check it, move the alias, mirror the stages, record that it is done."""

from typing import Annotated

from zenml import get_step_context
from zenml.client import Client

from podium.orchestration.step import step
from podium.registry import carrying, tracking
from podium.registry.carrying import Promotion
from podium.registry.zenml_mirror import ZenmlMirror, link_run
from podium.settings import Settings


@step(enable_cache=False)
def verify_decision(decision: int) -> Annotated[Promotion, "decision"]:
    """Chain, policy and artifacts are what they were when it was made."""
    settings = Settings.from_environment()
    return carrying.verify_decision(settings, tracking.client(settings), decision)


@step(enable_cache=False)
def move_alias(promotion: Promotion) -> Annotated[Promotion, "moved"]:
    """The champion's alias first, in one call: there is one champion at every moment."""
    settings = Settings.from_environment()
    return carrying.move_alias(settings, tracking.client(settings), promotion)


@step(enable_cache=False)
def mirror_stages(promotion: Promotion) -> Annotated[Promotion, "mirrored"]:
    """Stages in ZenML's model control plane, and this run in the version's lineage."""
    settings = Settings.from_environment()
    run = get_step_context().pipeline_run
    done = carrying.mirror_stages(settings, tracking.client(settings), ZenmlMirror(Client()), promotion)
    link_run(Client(), promotion.model, promotion.version, run.id)
    return done


@step(enable_cache=False)
def record_applied(promotion: Promotion) -> Annotated[Promotion, "applied"]:
    """The decision counts as carried out from here on."""
    run = get_step_context().pipeline_run
    return carrying.record_applied(Settings.from_environment(), promotion, run=run.name)

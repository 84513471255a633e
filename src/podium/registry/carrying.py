"""The steps in which a recorded decision is carried out, one by one, for a pipeline; each may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from podium.config import Frozen
from podium.errors import ReviewError
from podium.registry import tracking, versions
from podium.registry.integrity import verify_request
from podium.registry.log import Event, EventLog
from podium.registry.rules import faults
from podium.registry.state import Review, fold
from podium.registry.sync import Mirror, set_aliases, stages
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Carrier(Protocol):
    """Carries out a decision elsewhere than in this process, such as in a pipeline."""

    def __call__(self, review: Review, decision: int) -> bool:
        """Whether it was done; False leaves it to the caller. Raises ReviewError if it must not be done."""


class Promotion(Frozen):
    """A decision on its way; what one step hands to the next."""

    model: str
    version: int
    decision: int
    """Its event in the log."""
    kind: str
    actor: str
    changes: tuple[str, ...] = ()


def verify_decision(settings: Settings, client: MlflowClient, decision: int) -> Promotion:
    """Check that chain, artifacts and dossier are what they were, and that the decision follows its policy.

    Raises:
        ReviewError: One of these does not hold, or there is no such decision.
        RegistryError: The version or its artifacts are gone.
    """
    events = EventLog(settings.reviews).verified()
    event = _event(events, decision)
    model, version = event.payload["model"], event.payload["version"]
    review = fold(events, model).reviews[version]
    if found := faults(review):
        raise ReviewError("; ".join(found), remedy="don't use this version; `podium review audit` tells more")
    verify_request(settings, client, review.request)
    return Promotion(model=model, version=version, decision=decision, kind=event.kind, actor=event.actor)


def move_alias(settings: Settings, client: MlflowClient, promotion: Promotion) -> Promotion:
    """Bring MLflow's aliases to what the log says. Raises as :func:`podium.registry.sync.set_aliases`."""
    log = EventLog(settings.reviews)
    with tracking.registry_lock(settings):
        changes = set_aliases(settings, client, log, fold(log.verified(), promotion.model))
    return _changed(promotion, changes)


def mirror_stages(settings: Settings, client: MlflowClient, mirror: Mirror, promotion: Promotion) -> Promotion:
    """Bring ZenML's stages to what the log says. Raises RegistryError if its store does not let us."""
    with tracking.registry_lock(settings):
        state = fold(EventLog(settings.reviews).events(), promotion.model)
        changes = mirror.apply(promotion.model, stages(state, versions.aliases(client, promotion.model)))
    return _changed(promotion, changes)


def record_applied(settings: Settings, promotion: Promotion, *, run: str | None = None) -> Promotion:
    """Record that the decision was carried out, unless that is recorded already; ``run`` is the pipeline run's name."""
    with EventLog(settings.reviews).writing() as log:
        if promotion.decision in fold(log.events(), promotion.model).pending:
            done = {"decision": promotion.decision, "changes": list(promotion.changes), "run": run}
            log.append("applied", promotion.actor, {"model": promotion.model, **done})
    return promotion


def _event(events: Sequence[Event], decision: int) -> Event:
    for event in events:
        if event.seq == decision and event.kind in ("approved", "rejected", "rolled_back"):
            return event
    raise ReviewError(
        f"event {decision} of the decision log is no decision", remedy="look at `podium review list --all`"
    )


def _changed(promotion: Promotion, changes: list[str]) -> Promotion:
    return promotion.model_copy(update={"changes": (*promotion.changes, *changes)})

"""Checks that the registry, its artifacts, ZenML and the decision log agree, and that the log is whole; repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.config import Frozen
from podium.errors import PodiumError, RegistryError, ReviewError
from podium.registry import tracking, versions
from podium.registry.integrity import verify_request
from podium.registry.log import EventLog
from podium.registry.provenance import current_user
from podium.registry.replay import departures, strays
from podium.registry.reviews import discrepancies
from podium.registry.state import ModelState, fold, models
from podium.registry.sync import Mirror, carry_out, wanted_stages
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Audit(Frozen):
    """The outcome; ``findings`` is empty if all is well."""

    events: int
    models: tuple[str, ...]
    versions_verified: int
    """Reviewed versions whose artifacts were downloaded and compared with their digests."""
    findings: tuple[str, ...]
    repaired: tuple[str, ...] = ()
    """What a repair changed; the findings are what it left."""


def audit(settings: Settings, *, client: MlflowClient | None = None, mirror: Mirror | None = None) -> Audit:
    """Verify the chain, that decisions followed their policy and are in the log, aliases, stages, and artifacts.

    Args:
        settings: Where registry and log are.
        client: An existing MLflow client.
        mirror: ZenML's; its stages are not looked at without one.
    """
    log = EventLog(settings.reviews)
    try:
        events = log.verified()
    except PodiumError as error:
        return Audit(events=0, models=(), versions_verified=0, findings=(error.message,))
    names = models(events)
    findings = strays(events, names) + [fault for name in names for fault in departures(events, name)]
    verified = 0
    if tracking.exists(settings):
        mlflow = client or tracking.client(settings)
        names = tuple(dict.fromkeys([*names, *versions.model_names(mlflow)]))
        hashes = {event.hash for event in events}
        for name in names:
            state = fold(events, name)
            aliases = versions.aliases(mlflow, name)
            findings += discrepancies(state, aliases)
            findings += _unrecorded(mlflow, name, hashes)
            findings += _departures(mirror, state, aliases)
            for review in state.reviews.values():
                try:
                    verify_request(settings, mlflow, review.request)
                    verified += 1
                except PodiumError as error:
                    findings.append(error.message)
    return Audit(events=len(events), models=names, versions_verified=verified, findings=tuple(findings))


def repair(
    settings: Settings,
    *,
    actor: str | None = None,
    client: MlflowClient | None = None,
    mirror: Mirror | None = None,
) -> Audit:
    """Restore aliases and stages from the log, record what was changed (``repaired``), and audit what is left.

    Nothing is restored from a log whose chain is broken, nor for a model of which the registry bears decisions that
    the log does not hold: the log itself is to be restored first, from a backup.
    """
    log = EventLog(settings.reviews)
    try:
        log.verify()
    except PodiumError:
        return audit(settings, client=client, mirror=mirror)
    changes: list[str] = []
    failed: list[str] = []
    if tracking.exists(settings):
        mlflow = client or tracking.client(settings)
        for model in models(log.events()):
            with tracking.registry_lock(settings):
                if _unrecorded(mlflow, model, {event.hash for event in log.events()}):
                    failed.append(f"{model}: not repaired: its log is incomplete; restore that first, from a backup")
                    continue
                try:
                    who = actor or current_user()
                    changes += carry_out(settings, mlflow, log, model, actor=who, mirror=mirror, record="repaired")
                except (RegistryError, ReviewError) as error:
                    failed.append(error.message)
    outcome = audit(settings, client=client, mirror=mirror)
    left = tuple(dict.fromkeys((*failed, *outcome.findings)))
    return outcome.model_copy(update={"findings": left, "repaired": tuple(changes)})


def _departures(mirror: Mirror | None, state: ModelState, aliases: dict[str, int]) -> list[str]:
    """Where ZenML's stages are not what the log wants; one sentence if it cannot be asked."""
    if mirror is None or not state.reviews:
        return []
    try:
        return mirror.differences(state.model, wanted_stages(state, aliases))
    except RegistryError as error:
        return [error.message]


def _unrecorded(client: MlflowClient, model: str, hashes: set[str]) -> list[str]:
    """Versions whose decision is not in the log (any more)."""
    return [
        f"{model}-{found.version}: the registry bears a decision that the log does not hold (any more)"
        for found in client.search_model_versions(f"name = '{model}'")
        if found.tags.get(versions.DECISION_TAG, "") not in hashes | {""}
    ]

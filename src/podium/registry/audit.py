"""Checks that the registry, its artifacts and the decision log agree, and that the log is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.config import Frozen
from podium.errors import PodiumError
from podium.registry import tracking, versions
from podium.registry.integrity import verify_version
from podium.registry.log import EventLog
from podium.registry.reviews import discrepancies
from podium.registry.state import fold, models
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


def audit(settings: Settings, *, client: MlflowClient | None = None) -> Audit:
    """Verify the chain, the aliases, that each decision in the registry is in the log, and reviewed artifacts."""
    log = EventLog(settings.reviews)
    try:
        count = log.verify()
    except PodiumError as error:
        return Audit(events=0, models=(), versions_verified=0, findings=(error.message,))
    events = log.events()
    names = models(events)
    findings: list[str] = []
    verified = 0
    if tracking.exists(settings):
        mlflow = client or tracking.client(settings)
        names = tuple(dict.fromkeys([*names, *(found.name for found in mlflow.search_registered_models())]))
        hashes = {event.hash for event in events}
        for name in names:
            state = fold(events, name)
            findings += discrepancies(state, versions.aliases(mlflow, name))
            findings += _unrecorded(mlflow, name, hashes)
            for review in state.reviews.values():
                try:
                    verify_version(settings, mlflow, review.request.version)
                    verified += 1
                except PodiumError as error:
                    findings.append(error.message)
    return Audit(events=count, models=names, versions_verified=verified, findings=tuple(findings))


def _unrecorded(client: MlflowClient, model: str, hashes: set[str]) -> list[str]:
    """Versions whose decision is not in the log (any more)."""
    return [
        f"{model}-{found.version}: the registry bears a decision that the log does not hold (any more)"
        for found in client.search_model_versions(f"name = '{model}'")
        if found.tags.get(versions.DECISION_TAG, "") not in hashes | {""}
    ]

"""Carries out what the log decided: MLflow's aliases, then ZenML's stages. May be repeated at any time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, Protocol

from podium.errors import RegistryError, ReviewError
from podium.registry import tracking, versions
from podium.registry.integrity import verify_request
from podium.registry.log import EventLog
from podium.registry.provenance import current_user
from podium.registry.state import ModelState, fold, models
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

MIRRORED: Final = {versions.CHAMPION: "production", versions.CHALLENGER: "staging"}
"""ZenML's stage for each alias; other decided versions are archived, other open ones have no stage."""


class Mirror(Protocol):
    """Something that shows the registry's state elsewhere (ZenML's model control plane)."""

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Set each version's stage and tell what changed. Raises RegistryError if it cannot."""

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """What :meth:`apply` would change, changing nothing. Raises RegistryError if it cannot be asked."""


def sync(
    settings: Settings,
    *,
    actor: str | None = None,
    mirror: Mirror | None = None,
    client: MlflowClient | None = None,
) -> list[str]:
    """Restore aliases and stages of all models from the log; returns what was changed, in words."""
    log = EventLog(settings.reviews)
    changes: list[str] = []
    for model in models(log.events()):
        with tracking.registry_lock(settings):
            mlflow, who = client or tracking.client(settings), actor or current_user()
            changes += carry_out(settings, mlflow, log, model, actor=who, mirror=mirror)
    return changes


def carry_out(
    settings: Settings,
    client: MlflowClient,
    log: EventLog,
    model: str,
    *,
    actor: str,
    mirror: Mirror | None,
    record: Literal["synced", "repaired"] = "synced",
    verified: int | None = None,
) -> list[str]:
    """Bring aliases and stages to what the log says, then record that this was done.

    The caller holds the registry's lock. A decision counts as carried out only after the last step, so that a crash
    (or a mirror out of reach) before it is repaired by the next call.

    Raises:
        ReviewError: The log's chain is broken, or the version to be promoted is not what was approved: no alias of it
            is moved.
        RegistryError: The version is gone, or the mirror failed; the decision and the aliases stand.
    """
    state = fold(log.verified(), model)
    changes = set_aliases(settings, client, log, state, verified=verified)
    always = record == "repaired" or not state.pending
    if mirror is not None:
        try:
            changes += mirror.apply(model, stages(state, versions.aliases(client, model)))
        except RegistryError:
            if changes and always:
                log.append(record, actor, {"model": model, "changes": changes})
            raise
    if state.pending:
        log.append("applied", actor, {"model": model, "decision": state.pending[-1], "changes": changes})
    if changes and always:
        log.append(record, actor, {"model": model, "changes": changes})
    return changes


def set_aliases(
    settings: Settings, client: MlflowClient, log: EventLog, state: ModelState, *, verified: int | None = None
) -> list[str]:
    """Bring MLflow's aliases to what the log says; returns the changes. The caller holds the registry's lock.

    Whoever asks for it, no version becomes champion that is not, at this moment, what was approved.

    Args:
        settings: Where the artifacts are.
        client: MLflow's.
        log: The decision log.
        state: Of one model, as the log has it.
        verified: A version that the caller has compared with its review under the same lock.

    Raises:
        ReviewError: The version to be promoted is not what was approved; nothing is promoted.
        RegistryError: It is gone, or MLflow refused, or does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        aliases = versions.aliases(client, state.model)
        if state.champion not in (None, verified, aliases.get(versions.CHAMPION)):
            _require_unchanged(settings, client, state)
        _anchor(client, log, state)
        return _align(client, state, aliases)
    except MlflowException as error:
        raise RegistryError(
            f"{state.model}: MLflow's aliases could not be set to what the decision log says ({error.message})",
            remedy="the log stands; mend the registry and run `podium review sync`",
        ) from error


def _require_unchanged(settings: Settings, client: MlflowClient, state: ModelState) -> None:
    review = state.reviews[state.champion or 0]
    try:
        verify_request(settings, client, review.request)
    except ReviewError as error:
        raise ReviewError(
            f"{error.message}; so it is not promoted, although the decision log says so",
            remedy="roll back to another version (`podium review rollback --to`); `podium review audit` tells more",
        ) from error


def stages(state: ModelState, aliases: Mapping[str, int]) -> dict[int, str]:
    """ZenML's stage for each version that was reviewed or bears an alias."""
    wanted = dict.fromkeys(state.reviews, "archived")
    wanted |= {version: "none" for version, review in state.reviews.items() if review.decision is None}
    return wanted | {version: MIRRORED[alias] for alias, version in aliases.items() if alias in MIRRORED}


def wanted_aliases(state: ModelState, aliases: Mapping[str, int]) -> dict[str, int | None]:
    """Where the log wants the two aliases, champion first; a challenger without a review yet is left where it is."""
    challenger = aliases.get(versions.CHALLENGER)
    unreviewed = challenger is not None and challenger not in state.reviews
    return {versions.CHAMPION: state.champion, versions.CHALLENGER: challenger if unreviewed else state.newest_open()}


def wanted_stages(state: ModelState, aliases: Mapping[str, int]) -> dict[int, str]:
    """ZenML's stages once the aliases are where the log wants them."""
    wanted = {alias: version for alias, version in wanted_aliases(state, aliases).items() if version is not None}
    return stages(state, wanted)


def _align(client: MlflowClient, state: ModelState, aliases: Mapping[str, int]) -> list[str]:
    """Set the two aliases; the champion first, so that there is one at every moment."""
    changes = []
    for alias, version in wanted_aliases(state, aliases).items():
        before = aliases.get(alias)
        if version == before:
            continue
        if version is None:
            client.delete_registered_model_alias(state.model, alias)
        else:
            client.set_registered_model_alias(state.model, alias, str(version))
        changes.append(f"{state.model}: alias {alias}: {_name(before)} → {_name(version)}")
    return changes


def _anchor(client: MlflowClient, log: EventLog, state: ModelState) -> None:
    """Write the hash of each pending decision to its version: the log can then not be cut short unnoticed."""
    for event in log.events():
        if event.seq in state.pending:
            version = str(event.payload["version"])
            client.set_model_version_tag(state.model, version, versions.DECISION_TAG, event.hash)


def _name(version: int | None) -> str:
    return "none" if version is None else f"version {version}"

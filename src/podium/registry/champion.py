"""Fetches the promoted model, or another version, into a verified cache."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from podium.digest import digest_directory
from podium.errors import NoSuchModelVersion, RegistryError
from podium.registry import tracking, versions
from podium.registry.log import EventLog
from podium.registry.package import BUNDLE_PATH
from podium.registry.state import ModelState, fold, models
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from podium.bundle import Bundle


def model_name(settings: Settings, given: str | None) -> str:
    """The registered model that is meant: the one given, or else the only one that has been reviewed.

    Raises:
        RegistryError: None is given, and there is none or more than one.
    """
    if given:
        return given
    names = models(EventLog(settings.reviews).events())
    if len(names) == 1:
        return names[0]
    if not names:
        raise RegistryError(
            "no model has been registered yet", remedy="train one: `podium run configs/quickstart.yaml`"
        )
    raise RegistryError(
        f"there are several registered models: {', '.join(names)}",
        remedy=f"name one: --model {names[0]} (or set PODIUM_MODEL)",
    )


def champion_version(settings: Settings, model: str, *, client: MlflowClient | None = None) -> int | None:
    """The promoted version; None if there is none.

    The decision log tells, wherever the log is that of the registry: with a registry of this machine, in PostgreSQL, or
    in the file that ``PODIUM_REVIEWS_URI`` names. An alias without a decision promotes nothing there. Only where a
    machine knows a shared registry and no log of it, the registry's alias ``champion`` has to do.
    """
    named = settings.reviews_uri is not None or isinstance(settings.reviews, str)
    if named or tracking.is_local(settings):
        return _state(settings, model).champion
    return versions.aliases(client or tracking.client(settings), model).get(versions.CHAMPION)


def load_champion_bundle(
    settings: Settings,
    model: str,
    alias_or_version: str | int = versions.CHAMPION,
    *,
    client: MlflowClient | None = None,
) -> tuple[Bundle, int]:
    """Load a version's bundle from the registry, or from the cache below ``settings.state``.

    Args:
        settings: Where registry and cache are.
        model: Name of the registered model.
        alias_or_version: ``champion``, ``challenger``, another alias, or a version's number.
        client: An existing MLflow client; one is opened only if log and cache do not suffice.

    Returns:
        The bundle and its version.

    Raises:
        NoSuchModelVersion: There is no such version.
        RegistryError: Its files are not those that were registered.
    """
    version = resolve_version(settings, model, str(alias_or_version), client=client)
    folder = fetch_bundle(settings, model, version, client=client)
    from podium.bundle import Bundle  # brings torch, which asking for a version does not need

    return Bundle.load(folder), version


def fetch_bundle(settings: Settings, model: str, version: int, *, client: MlflowClient | None = None) -> Path:
    """The folder with a version's bundle, verified just now; it is called by the bundle's digest. Raises as above."""
    digest = version_digest(settings, model, version, client)
    cached = settings.state / "cache" / "models" / digest
    if not cached.is_dir() or digest_directory(cached) != digest:
        _fill(settings, client or tracking.client(settings), model, version, cached, digest)
    return cached


def _state(settings: Settings, model: str) -> ModelState:
    return fold(EventLog(settings.reviews).events(), model)


def resolve_version(settings: Settings, model: str, wanted: str, *, client: MlflowClient | None = None) -> int:
    """The number of a version, or of that with an alias. Raises NoSuchModelVersion if there is no such alias."""
    if wanted.isdecimal():
        return int(wanted)
    if wanted == versions.CHAMPION:
        champion = champion_version(settings, model, client=client)
        if champion is None:
            raise _no_champion(settings, model)
        return champion
    aliases = versions.aliases(client or tracking.client(settings), model) if tracking.exists(settings) else {}
    if wanted not in aliases:
        known = ", ".join(sorted(aliases)) or "none"
        raise NoSuchModelVersion(
            f"{model} has no alias or version {wanted!r} (aliases: {known})",
            remedy="`podium review list --all` shows the versions",
        )
    return aliases[wanted]


def _no_champion(settings: Settings, model: str) -> RegistryError:
    reviews = _state(settings, model).reviews.values()
    open_ones = [review.id for review in reviews if review.waiting(datetime.now(UTC))]
    remedy = (
        f'approve one: `podium review approve {open_ones[-1]} --reason "…"`'
        if open_ones
        else "train one with `make run`, then approve it with `podium review approve`"
    )
    return RegistryError(f"{model} has no champion: nothing has been promoted yet", remedy=remedy)


def version_digest(settings: Settings, model: str, version: int, client: MlflowClient | None) -> str:
    """The model digest from the decision log if the version was reviewed, else from the registry."""
    review = _state(settings, model).reviews.get(version)
    if review is not None:
        return review.request.version.digests.model
    mlflow = client or tracking.client(settings)
    return versions.from_mlflow(versions.get_version(mlflow, model, version)).digests.model


def _fill(settings: Settings, client: MlflowClient, model: str, version: int, cached: Path, digest: str) -> None:
    """Download, verify, then move into place; several processes may do so at once."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent, prefix=".fetch-") as scratch:
        package = versions.download_package(settings, client, model, version, Path(scratch))
        bundle = package / BUNDLE_PATH
        if digest_directory(bundle) != digest:
            raise RegistryError(
                f"version {version} of {model}: its files are not those that were registered and reviewed",
                remedy="don't use it; `podium review audit` tells more, `podium review rollback` restores another",
            )
        with tracking.registry_lock(settings, "cache"):
            shutil.rmtree(cached, ignore_errors=True)
            os.replace(bundle, cached)

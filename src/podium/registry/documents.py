"""The documents that lie with a version as its evidence, as the registry has them now."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.errors import RegistryError, ReviewError
from podium.registry import evidence, tracking, versions
from podium.registry.request import RegisteredVersion
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def page(settings: Settings, version: RegisteredVersion, name: str, *, client: MlflowClient | None = None) -> str:
    """A page of the evidence, such as ``report.html``, once the evidence has the digest that the review is bound to.

    Scripts in it are as bound as its text, and versions that were registered before pages were bound have one that
    anybody may have changed: show it sandboxed.

    Raises:
        ReviewError: The evidence has another digest.
        RegistryError: There is none of that name, or it cannot be fetched.
    """
    found = _read(settings, version, name, client)
    if found is None:
        raise RegistryError(
            f"{version.review}: there is no {name} with its evidence",
            remedy="the run that registered it was made without; its figures are in MLflow",
        )
    return found


def leaderboard(
    settings: Settings, version: RegisteredVersion, *, client: MlflowClient | None = None
) -> dict[str, Any]:
    """The leaderboard of the evidence as JSON, once the evidence has the digest that the review is bound to.

    Raises:
        ReviewError: It has another one.
        RegistryError: The evidence cannot be fetched or read.
    """
    text = _read(settings, version, "leaderboard.json", client)
    assert text is not None, "its digest was made of it"
    read: dict[str, Any] = json.loads(text)
    return read


def data_profile(settings: Settings, version: RegisteredVersion, *, client: MlflowClient | None = None) -> str | None:
    """The profile of the version's data as JSON text (``podium.drift.profile``); None where none was kept.

    Raises:
        ReviewError: The evidence has another digest than the review is bound to.
        RegistryError: The evidence cannot be fetched or read.
    """
    return _read(settings, version, evidence.PROFILE, client)


def _read(settings: Settings, version: RegisteredVersion, name: str, client: MlflowClient | None) -> str | None:
    with tempfile.TemporaryDirectory(prefix="podium-evidence-") as scratch:
        folder = _fetch(settings, version, Path(scratch), client)
        found = evidence.folder_digest(folder, version.digests.evidence)
        if found != version.digests.evidence:
            raise ReviewError(
                f"{version.review}: its evidence has changed since the review was opened"
                f" (recorded {version.digests.evidence[:12]}, now {found[:12]})",
                remedy="don't decide on it: `podium review audit` tells more",
            )
        try:
            return (folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RegistryError(
                f"{version.review}: {name} of its evidence cannot be read ({error})", remedy="register the run again"
            ) from None


def _fetch(settings: Settings, version: RegisteredVersion, scratch: Path, client: MlflowClient | None) -> Path:
    mlflow = client or tracking.client(settings)
    return versions.download_evidence(settings, versions.get_version(mlflow, version.model, version.version), scratch)

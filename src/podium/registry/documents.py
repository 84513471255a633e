"""The documents that lie with a version as its evidence, as the registry has them now."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.errors import RegistryError, ReviewError
from podium.registry import evidence, tracking, versions
from podium.registry.state import RegisteredVersion
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def page(settings: Settings, version: RegisteredVersion, name: str, *, client: MlflowClient | None = None) -> str:
    """A page of the evidence, such as ``report.html``. It is not bound by the evidence's digest: show it sandboxed.

    Raises:
        RegistryError: There is none of that name, or it cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="podium-evidence-") as scratch:
        folder = _fetch(settings, version, Path(scratch), client)
        try:
            return (folder / name).read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise RegistryError(
                f"{version.review}: there is no {name} with its evidence",
                remedy="the run that registered it was made without; its figures are in MLflow",
            ) from None


def leaderboard(
    settings: Settings, version: RegisteredVersion, *, client: MlflowClient | None = None
) -> dict[str, Any]:
    """The leaderboard of the evidence as JSON, once the evidence has the digest that the review is bound to.

    Raises:
        ReviewError: It has another one.
        RegistryError: The evidence cannot be fetched or read.
    """
    with tempfile.TemporaryDirectory(prefix="podium-evidence-") as scratch:
        folder = _fetch(settings, version, Path(scratch), client)
        found = evidence.folder_digest(folder)
        if found != version.digests.evidence:
            raise ReviewError(
                f"{version.review}: its evidence has changed since the review was opened"
                f" (recorded {version.digests.evidence[:12]}, now {found[:12]})",
                remedy="don't decide on it: `podium review audit` tells more",
            )
        read: dict[str, Any] = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
        return read


def _fetch(settings: Settings, version: RegisteredVersion, scratch: Path, client: MlflowClient | None) -> Path:
    mlflow = client or tracking.client(settings)
    return versions.download_evidence(settings, versions.get_version(mlflow, version.model, version.version), scratch)

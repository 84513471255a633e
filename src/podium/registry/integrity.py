"""Recomputes a version's digests from what the registry holds now, and compares them with what was reviewed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from podium.bundle_files import data_digest
from podium.digest import digest_directory
from podium.errors import RegistryError, ReviewError
from podium.registry import dossiers, evidence, versions
from podium.registry.package import BUNDLE_PATH
from podium.registry.request import RegisteredVersion, Request
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def verify_request(settings: Settings, client: MlflowClient, request: Request) -> None:
    """Check that all that a review asks about is what it was: artifacts, dossier, and what that says of the gate.

    Raises:
        ReviewError: Something is not what was reviewed; names each thing that changed.
        RegistryError: The version or its artifacts are gone.
    """
    verify_version(settings, client, request.version, request)


def verify_version(
    settings: Settings, client: MlflowClient, recorded: RegisteredVersion, request: Request | None = None
) -> None:
    """Download a version's artifacts and compare everything with the record of its review.

    Args:
        settings: Where the registry is.
        client: MLflow's.
        recorded: As the review has it.
        request: What the review asks, if there is one; its dossier is compared, too.

    Raises:
        ReviewError: Something is not what was reviewed; names each thing that changed.
        RegistryError: The version or its artifacts are gone.
    """
    found = versions.get_version(client, recorded.model, recorded.version)
    with tempfile.TemporaryDirectory(prefix="podium-verify-") as scratch:
        folder = Path(scratch)
        package = versions.download_package(settings, client, recorded.model, recorded.version, folder / "model")
        documents = versions.download_evidence(settings, found, folder / "evidence")
        changed = [
            f"{name} (recorded {expected[:12]}, now {actual[:12] or 'unreadable'})"
            for name, expected, actual in _compare(recorded, package, documents)
            if expected != actual
        ]
        if request is not None and request.dossier is not None:
            papers = dossiers.fetch(settings, recorded, request.dossier, folder / "dossier")
            changed += dossiers.check(request, dossiers.read(papers))
    if versions.from_mlflow(found).digests != recorded.digests:
        changed.append("the digests in the version's tags")
    if changed:
        raise ReviewError(
            f"{recorded.review}: changed since the review was opened: {'; '.join(changed)}",
            remedy="don't use this version: find out who changed it, and run the pipeline again",
        )


def _compare(recorded: RegisteredVersion, package: Path, documents: Path) -> list[tuple[str, str, str]]:
    """What was recorded and what is there now, for everything that a decision is bound to."""
    digests = recorded.digests
    try:
        data = data_digest(package / BUNDLE_PATH)
    except RegistryError:
        data = ""
    try:
        shown = evidence.folder_digest(documents, digests.evidence)
    except RegistryError:
        shown = ""
    return [
        ("model files", digests.model, digest_directory(package / BUNDLE_PATH)),
        ("MLflow package", digests.package, digest_directory(package)),
        ("data version", digests.data, data),
        ("evidence", digests.evidence, shown),
    ]

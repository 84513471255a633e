"""Where dossiers are kept: beside the version's other artifacts, each in a folder named after its digest."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from podium import atomic
from podium.digest import digest_directory
from podium.dossier.facts import Dossier
from podium.errors import ReviewError
from podium.registry import tracking, versions
from podium.registry.request import RegisteredVersion, Request
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

FACTS: Final = "dossier.json"
PAGE: Final = "dossier.html"
CARD: Final = "model_card.md"
_FOLDER: Final = "dossiers"


@dataclass(frozen=True)
class Papers:
    """A dossier in its three forms."""

    dossier: Dossier
    page: str = field(repr=False)
    """Self-contained HTML."""
    card: str = field(repr=False)
    """The model card, Markdown."""


def store(client: MlflowClient, version: RegisteredVersion, papers: Papers) -> str:
    """Keep a dossier with the version's MLflow run; storing it again changes nothing.

    Returns:
        SHA-256 over the three files: what a review is bound to, and what :func:`fetch` asks for.
    """
    with tempfile.TemporaryDirectory(prefix="podium-dossier-") as scratch:
        folder = write(Path(scratch), papers)
        digest = digest_directory(folder)
        client.log_artifacts(version.mlflow_run, str(folder), artifact_path=_place(digest))
    return digest


def write(folder: Path, papers: Papers) -> Path:
    """Write the files into a folder, and return it."""
    for name, text in ((FACTS, papers.dossier.text()), (PAGE, papers.page), (CARD, papers.card)):
        atomic.write_text(folder / name, text)
    return folder


def fetch(settings: Settings, version: RegisteredVersion, digest: str, target: Path) -> Path:
    """Download a dossier into the folder ``target``, and return the folder that holds its files.

    Raises:
        RegistryError: It is gone.
        ReviewError: It is not what the review was opened with.
    """
    what = f"the dossier of version {version.version} of {version.model}"
    got = versions.download(settings, target, what=what, run_id=version.mlflow_run, artifact_path=_place(digest))
    if digest_directory(got) != digest:
        raise ReviewError(
            f"{version.review}: {what} was changed since the review was opened",
            remedy="don't decide on it: find out who changed it, and run the pipeline again",
        )
    return got


def kept(settings: Settings, version: RegisteredVersion, digest: str | None) -> Path:
    """The folder of a dossier below ``settings.state``, fetched unless it is there; unchanged in either case.

    Raises:
        ReviewError: No dossier belongs to the review, or it was changed.
        RegistryError: It is gone.
    """
    if digest is None:
        raise ReviewError(
            f"{version.review}: no gate has judged it, so that it has no dossier", remedy="run the pipeline again"
        )
    place = settings.state / "cache" / "dossiers" / digest
    if not place.is_dir() or digest_directory(place) != digest:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as scratch:
            got = fetch(settings, version, digest, Path(scratch))
            with tracking.registry_lock(settings, "cache"):
                shutil.rmtree(place, ignore_errors=True)
                os.replace(got, place)
    return place


def read(folder: Path) -> Dossier:
    """The facts in a fetched folder. Raises ReviewError if they are of another schema."""
    try:
        return Dossier.read((folder / FACTS).read_bytes())
    except (OSError, ValidationError) as error:
        raise ReviewError(
            f"{folder / FACTS}: not a readable dossier ({error})", remedy="use the version of Podium that wrote it"
        ) from None


def check(request: Request, dossier: Dossier) -> list[str]:
    """What of a dossier does not fit the request that it belongs to, in words; nothing if all does."""
    version = request.version
    bound, digests = dossier.bound, version.digests
    pairs = {
        "model files": (bound.model, digests.model),
        "MLflow package": (bound.package, digests.package),
        "data version": (bound.data, digests.data),
        "code": (bound.code, digests.code),
        "configuration": (bound.config, digests.config),
        "evidence": (bound.evidence, digests.evidence),
        "version": (str(dossier.subject.version), str(version.version)),
        "model": (dossier.subject.model, version.model),
        "commit": (bound.commit or "none", version.code.commit or "none"),
        "gate's outcome": (dossier.outcome, request.outcome or "none"),
        "policy": (bound.policy, request.policy_digest or "none"),
    }
    return [
        f"{what} ({told[:12]} in the dossier, {has[:12]} in the review)"
        for what, (told, has) in pairs.items()
        if told != has
    ]


def _place(digest: str) -> str:
    return f"{_FOLDER}/{digest[:16]}"

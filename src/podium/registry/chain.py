"""The whole chain of a model version, from the commit to the decision, and where a link is missing or does not fit."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.errors import NoSuchModelVersion, PodiumError, RegistryError
from podium.registry import tracking, versions
from podium.registry.champion import model_name, resolve_version
from podium.registry.explanation import Explanation
from podium.registry.integrity import verify_version
from podium.registry.links import (
    Findings,
    code_link,
    config_link,
    data_link,
    decisions_link,
    environment_link,
    run_link,
    verdict_link,
)
from podium.registry.log import EventLog
from podium.registry.request import RegisteredVersion, Request
from podium.registry.reviews import discrepancies
from podium.registry.state import fold
from podium.registry.votes import parse_review_id
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def explain(
    settings: Settings, reference: str, *, model: str | None = None, client: MlflowClient | None = None
) -> Explanation:
    """Follow a version's chain and check each link that can be checked here; the artifacts are downloaded for it.

    Args:
        settings: Where registry, log and checkout are.
        reference: ``MODEL/VERSION``, ``MODEL-VERSION``, a version's number, or an alias (``champion``, ``challenger``).
        model: Name of the registered model where the reference has none and there are several.
        client: An existing MLflow client.

    Raises:
        NoSuchModelVersion: There is no such version.
        RegistryError: There is none at all, or not what was registered.
    """
    name, wanted = _parse(settings, reference, model)
    if not tracking.exists(settings):
        raise RegistryError(
            f"{settings.tracking_uri}: no model has been registered yet", remedy="train one: `podium run`"
        )
    mlflow = client or tracking.client(settings)
    number = resolve_version(settings, name, wanted, client=mlflow)
    log = EventLog(settings.reviews)
    events = log.events()
    state = fold(events, name)
    review = state.reviews.get(number)
    findings = Findings()
    version = _registered(mlflow, name, number, review.request.version if review else None, findings)
    aliases = versions.aliases(mlflow, name)
    with tempfile.TemporaryDirectory(prefix="podium-explain-") as scratch:
        documents = _documents(settings, mlflow, version, Path(scratch), findings)
    _verify(settings, mlflow, log, version, review.request if review else None, findings)
    findings.mismatches += discrepancies(state, aliases)
    board = documents.get("leaderboard", {}).get("data", {})
    findings.compare("the leaderboard is of data", version.digests.data, board.get("digest"))
    zenml = review.request.zenml if review else None
    if review is None:
        findings.missing.append("review: none was opened for this version")
    elif review.decision is None:
        late = review.expired(datetime.now(UTC))
        findings.missing.append(f"decision: {'the request has expired' if late else 'the version awaits one'}")
    if zenml is None or zenml.pipeline_run is None:
        findings.missing.append("ZenML run: none is recorded")
    return Explanation(
        model=name,
        version=number,
        code=code_link(settings, version, findings),
        data=data_link(settings, version, board, findings),
        config=config_link(version, documents, findings),
        environment=environment_link(settings, version, findings),
        run=run_link(mlflow, version, findings).model_copy(
            update={
                "zenml_run": zenml.pipeline_run if zenml else None,
                "zenml_model_version": zenml.model_version if zenml else None,
                "report": review.request.report if review else None,
            }
        ),
        metrics=version.figures,
        validation=verdict_link(documents, version, findings),
        author=review.request.author if review else None,
        decisions=decisions_link(events, name, number),
        standing=state.standing(number),
        aliases=tuple(sorted(alias for alias, held in aliases.items() if held == number)),
        missing=tuple(findings.missing),
        mismatches=tuple(dict.fromkeys(findings.mismatches)),
    )


def _parse(settings: Settings, reference: str, model: str | None) -> tuple[str, str]:
    name, slash, wanted = reference.rpartition("/")
    if slash and name and wanted:
        return name, wanted
    if reference.isdecimal() or reference in (versions.CHAMPION, versions.CHALLENGER):
        return model_name(settings, model), reference
    try:
        name, number = parse_review_id(reference)
    except PodiumError:
        raise NoSuchModelVersion(
            f"{reference!r} names no model version",
            remedy="give MODEL/VERSION, a review's id such as podium-3, champion or challenger;"
            " `podium review list --all` shows them",
        ) from None
    return name, str(number)


def _registered(
    client: MlflowClient, name: str, number: int, reviewed: RegisteredVersion | None, findings: Findings
) -> RegisteredVersion:
    """What the decision log records, whose edits are noticed; the registry's tags where no review was opened."""
    try:
        found = versions.from_mlflow(versions.get_version(client, name, number))
    except RegistryError as error:
        if reviewed is None:
            raise
        findings.mismatches.append(f"{error.message}; what follows is from the decision log")
        return reviewed
    if reviewed is None:
        return found
    for field in sorted(set(RegisteredVersion.model_fields) - {"digests", "standing", "created"}):
        if getattr(found, field) != getattr(reviewed, field):
            findings.mismatches.append(
                f"the registry's {field} is {getattr(found, field)}, the review is of {getattr(reviewed, field)}"
            )
    return reviewed


def _documents(
    settings: Settings, client: MlflowClient, version: RegisteredVersion, folder: Path, findings: Findings
) -> dict[str, Any]:
    """The evidence's documents by name, as far as they can be read."""
    try:
        found = versions.get_version(client, version.model, version.version)
        path = versions.download_evidence(settings, found, folder)
        return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in path.glob("*.json")}
    except (PodiumError, OSError, ValueError) as error:
        findings.missing.append(f"evidence: {error.message if isinstance(error, PodiumError) else error}")
        return {}


def _verify(
    settings: Settings,
    client: MlflowClient,
    log: EventLog,
    version: RegisteredVersion,
    request: Request | None,
    findings: Findings,
) -> None:
    """Compare the artifacts with the digests, and follow the log's hash chain."""
    for check in (lambda: verify_version(settings, client, version, request), log.verify):
        try:
            check()
        except PodiumError as error:
            findings.mismatches.append(error.message)

"""Model versions in MLflow: their tags, aliases and artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podium.errors import NoSuchModelVersion, RegistryError
from podium.registry.provenance import CodeState
from podium.registry.request import Digests, RegisteredVersion
from podium.registry.tracking import quiet_mlflow
from podium.results import LeaderboardRow
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
SUBMISSION_TAG: Final = "podium.submission"
EVIDENCE_TAG: Final = "podium.evidence_path"
"""The evidence folder, relative to the run's artifacts."""
ONNX_TAG: Final = "podium.onnx"
"""Where the network lies as ONNX inside the model's directory, or why it does not."""
DECISION_TAG: Final = "podium.decision"
"""Hash of the log's event that decided on the version: binds the log's length to the registry."""


def model_names(client: MlflowClient) -> list[str]:
    """All registered models, however many pages the registry answers with."""
    names, token = [], None
    while True:
        page = client.search_registered_models(page_token=token)
        names += [found.name for found in page]
        token = getattr(page, "token", None)
        if not token:
            return names


def to_tags(version: RegisteredVersion) -> dict[str, str]:
    """A version's tags; :func:`from_mlflow` reads them back."""
    return {
        "podium.run": version.run,
        "podium.candidate": version.candidate,
        "podium.recipe": version.recipe,
        "podium.git_commit": version.code.commit or "",
        "podium.dvc_md5": version.dvc or "",
        "podium.git_dirty": str(version.code.dirty).lower(),
        "podium.lock_sha256": version.lock or "",
        "podium.figures": version.figures.model_dump_json(),
        **{f"podium.{name}_digest": value for name, value in version.digests.model_dump().items()},
    }


def from_mlflow(found: Any) -> RegisteredVersion:
    """Read an MLflow model version. Raises RegistryError if Podium did not register it."""
    tags = found.tags
    try:
        return RegisteredVersion(
            model=found.name,
            version=int(found.version),
            mlflow_run=found.run_id,
            run=tags["podium.run"],
            candidate=tags["podium.candidate"],
            recipe=tags["podium.recipe"],
            digests=Digests(**{name: tags[f"podium.{name}_digest"] for name in Digests.model_fields}),
            code=CodeState(commit=tags["podium.git_commit"] or None, dirty=tags["podium.git_dirty"] == "true"),
            dvc=tags["podium.dvc_md5"] or None,
            lock=tags.get("podium.lock_sha256") or None,  # versions of Podium 0.1 have none
            figures=LeaderboardRow.model_validate_json(tags["podium.figures"]),
        )
    except (KeyError, ValueError) as error:
        raise RegistryError(
            f"version {found.version} of {found.name} was not registered by Podium, or its tags were changed ({error})",
            remedy="use a version that `podium review list --all` shows",
        ) from None


def aliases(client: MlflowClient, model: str) -> dict[str, int]:
    """The model's aliases with their versions; none if there is no such model."""
    found = registered_model(client, model)
    return {alias: int(version) for alias, version in found.aliases.items()} if found else {}


def registered_model(client: MlflowClient, model: str) -> Any | None:
    """MLflow's entry of a model, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def get_version(client: MlflowClient, model: str, version: int) -> Any:
    """MLflow's entry of a version. Raises NoSuchModelVersion if there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(model, str(version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise RegistryError(
                f"version {version} of {model} cannot be read ({error.message})", remedy="check the registry"
            ) from None
        raise NoSuchModelVersion(
            f"the registry has no version {version} of {model}", remedy="`podium review list --all` shows the versions"
        ) from None


def download_package(settings: Settings, client: MlflowClient, model: str, version: int, target: Path) -> Path:
    """Fetch what MLflow loads for a version into a new folder below ``target``; returns it."""
    uri = client.get_model_version_download_uri(model, str(version))
    return download(settings, target, what=f"version {version} of {model}", artifact_uri=uri)


def download_evidence(settings: Settings, found: Any, target: Path) -> Path:
    """Fetch a version's evidence folder into ``target``; returns it."""
    path = found.tags.get(EVIDENCE_TAG, "")
    what = f"the evidence of version {found.version} of {found.name}"
    return download(settings, target, what=what, run_id=found.run_id, artifact_path=path)


def download(settings: Settings, target: Path, *, what: str, **source: str) -> Path:
    """Fetch artifacts into ``target``; ``source`` as for ``mlflow.artifacts``. Raises RegistryError naming ``what``."""
    quiet_mlflow()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    target.mkdir(parents=True, exist_ok=True)
    try:
        got = download_artifacts(
            **source, dst_path=str(target), tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri
        )
    except (MlflowException, OSError) as error:
        raise RegistryError(
            f"{what}: the artifacts cannot be fetched ({error})", remedy="check the artifact store, or register again"
        ) from None
    return Path(got)

"""Shows registered versions in ZenML's model control plane: stage, figures, and the lineage to run and artifacts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from podium.errors import PodiumError, RegistryError
from podium.registry.state import RegisteredVersion, ZenmlReference
from podium.registry.zenml_variables import choosing, without_zenml

if TYPE_CHECKING:
    from zenml.client import Client
    from zenml.models import ModelVersionResponse

_ARCHIVED = "archived"


def mirror_version(
    client: Client,
    version: RegisteredVersion,
    *,
    pipeline_run: UUID | str | None = None,
    artifacts: Sequence[UUID | str] = (),
) -> ZenmlReference:
    """Make the model version ``v<number>`` with metadata and links; may be repeated.

    Args:
        client: ZenML's client.
        version: What the registry registered.
        pipeline_run: Id of the run that made it.
        artifacts: Ids of artifact versions that belong to it (the winner's bundle, the report, …).

    Returns:
        Where it is, for the review's request.

    Raises:
        RegistryError: ZenML's store refused or did not answer.
    """
    from zenml.config.global_config import GlobalConfiguration
    from zenml.enums import MetadataResourceTypes
    from zenml.models import ModelVersionArtifactRequest, ModelVersionPipelineRunRequest, RunMetadataResource

    with _reporting(version.model, version.version):
        entry = _ensure(client, version.model, version.version)
        known = set(entry.run_metadata)
        client.create_run_metadata(
            metadata={key: value for key, value in _metadata(version).items() if key not in known},
            resources=[RunMetadataResource(id=entry.id, type=MetadataResourceTypes.MODEL_VERSION)],
        )
        for artifact in artifacts:
            client.zen_store.create_model_version_artifact_link(
                ModelVersionArtifactRequest(model_version=entry.id, artifact_version=UUID(str(artifact)))
            )
        if pipeline_run is not None:
            client.zen_store.create_model_version_pipeline_run_link(
                ModelVersionPipelineRunRequest(model_version=entry.id, pipeline_run=UUID(str(pipeline_run)))
            )
        if version.standing in ("unreviewed", "open"):
            for other in client.list_model_versions(model=entry.model.id, stage="staging").items:
                if other.id != entry.id:  # it awaits its decision still; by force it would be archived
                    _set_stage(client, version.model, other, "none")
            _set_stage(client, version.model, entry, "staging")
        configuration = GlobalConfiguration()
        return ZenmlReference(
            config_path=configuration.config_directory,
            local_stores_path=configuration.local_stores_path,
            store=client.zen_store.url,
            model_version=str(entry.id),
            pipeline_run=str(pipeline_run) if pipeline_run else None,
        )


def link_run(client: Client, model: str, number: int, run: UUID) -> None:
    """Show a pipeline run with a version. Raises RegistryError as above."""
    from zenml.models import ModelVersionPipelineRunRequest

    with _reporting(model, number):
        entry = _ensure(client, model, number)
        client.zen_store.create_model_version_pipeline_run_link(
            ModelVersionPipelineRunRequest(model_version=entry.id, pipeline_run=run)
        )


class ZenmlMirror:
    """Sets stages in the model control plane; a :class:`podium.registry.sync.Mirror`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Set each version's stage; who leaves a stage first, then who enters it."""
        changes = []
        for number, stage in sorted(stages.items(), key=lambda item: item[1] not in (_ARCHIVED, "none")):
            with _reporting(model, number):
                entry = _find(self._client, model, number)
                if entry is None:
                    if stage == _ARCHIVED:
                        continue
                    entry = _ensure(self._client, model, number)
                if (entry.stage or "none") != stage:
                    _set_stage(self._client, model, entry, stage)
                    changes.append(f"{model}: ZenML stage of v{number}: {entry.stage or 'none'} → {stage}")
        return changes

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Versions whose stage is not the given one, changing nothing; archived ones that ZenML never saw are none."""
        found = []
        for number, stage in sorted(stages.items()):
            with _reporting(model, number):
                entry = _find(self._client, model, number)
            actual = (entry.stage or "none") if entry is not None else None
            if actual != stage and not (actual is None and stage in (_ARCHIVED, "none")):
                shown = actual or "not there"
                found.append(f"{model}: ZenML's stage of v{number} is {shown}, the decision log says {stage}")
        return found


class LazyZenmlMirror:
    """The mirror of a recorded reference; imports ZenML and opens its store only when a stage has to be set."""

    def __init__(self, reference: ZenmlReference) -> None:
        self._reference = reference

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Connect, then as :meth:`ZenmlMirror.apply`."""
        return ZenmlMirror(connect(self._reference)).apply(model, stages)

    def differences(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Connect, then as :meth:`ZenmlMirror.differences`."""
        return ZenmlMirror(connect(self._reference)).differences(model, stages)


def connect(reference: ZenmlReference) -> Client:
    """ZenML's client for the recorded configuration; the caller's own ZenML is neither asked nor touched.

    Only where the recorded folder is not there (a reviewer's machine, with the run's ZenML server) the exported
    ``ZENML_CONFIG_PATH`` is used instead. Either way the store must be the recorded one.

    Raises:
        RegistryError: The configuration folder is gone, its store is another one, or it does not answer.
    """
    if Path(reference.config_path).is_dir():
        variables = without_zenml(os.environ) | choosing(reference.config_path, reference.local_stores_path)
    elif Path(os.environ.get("ZENML_CONFIG_PATH") or reference.config_path).is_dir():
        variables = {"ZENML_REPOSITORY_PATH": os.environ["ZENML_CONFIG_PATH"], **os.environ}
    else:
        raise RegistryError(
            f"{reference.config_path}: ZenML's configuration is not there, so the stages could not be set there",
            remedy="the decision stands; run `podium review sync` where it is, set ZENML_CONFIG_PATH to one of the "
            "same server, or give --no-zenml",
        )
    defaults = {"ZENML_ANALYTICS_OPT_IN": "false", "ZENML_LOGGING_VERBOSITY": "WARN"}
    for key in os.environ.keys() - variables.keys():
        del os.environ[key]
    os.environ.update(defaults | variables)
    with _reporting("the model control plane", None):
        from zenml.client import Client

        client = Client()
        _ = client.active_project.id
        url = client.zen_store.url
    if url.rstrip("/") != reference.store.rstrip("/"):
        raise RegistryError(
            f"ZenML's store is {url}, but the version stands in {reference.store}; no stage was set",
            remedy="the decision stands; run `podium review sync` where ZenML uses that store, or give --no-zenml",
        )
    return client


def _metadata(version: RegisteredVersion) -> dict[str, str | int | float | bool]:
    figures = version.figures
    values: dict[str, str | int | float | bool | None] = {
        "mlflow_version": version.version,
        "mlflow_run": version.mlflow_run,
        "run": version.run,
        "candidate": version.candidate,
        "recipe": version.recipe,
        "git_commit": version.code.commit,
        "git_dirty": version.code.dirty,
        "validation_accuracy": figures.validation_accuracy,
        "test_accuracy": figures.test_accuracy,
        "parameters": figures.parameters,
        **{f"{name}_digest": digest for name, digest in version.digests.model_dump().items()},
    }
    return {key: value for key, value in values.items() if value is not None}


def _find(client: Client, model: str, number: int) -> ModelVersionResponse | None:
    try:
        return client.get_model_version(model, f"v{number}")
    except KeyError:
        return None


def _ensure(client: Client, model: str, number: int) -> ModelVersionResponse:
    from zenml.exceptions import EntityExistsError

    try:
        client.get_model(model)
    except KeyError:
        try:
            client.create_model(model, description="Classifiers that Podium registered", save_models_to_registry=False)
        except EntityExistsError:
            client.get_model(model)  # another process was faster
    entry = _find(client, model, number)
    if entry is None:
        try:
            entry = client.create_model_version(model, name=f"v{number}")
        except EntityExistsError:
            entry = client.get_model_version(model, f"v{number}")
    return entry


def _set_stage(client: Client, model: str, entry: ModelVersionResponse, stage: str) -> None:
    client.update_model_version(model, entry.id, stage=stage, force=True)


@contextmanager
def _reporting(model: str, version: int | None) -> Iterator[None]:
    """Turn whatever ZenML raises (its own, SQL's, HTTP's errors) into one error with the remedy."""
    try:
        yield
    except PodiumError:
        raise
    except Exception as error:
        subject = f"version {version} of {model}" if version is not None else model
        raise RegistryError(
            f"{subject}: ZenML could not be brought up to date ({type(error).__name__}: {error})",
            remedy="the decision stands; run `podium review sync` when ZenML's store answers again",
        ) from error

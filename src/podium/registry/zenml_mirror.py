"""Shows registered versions in ZenML's model control plane: stage, figures, and the lineage to run and artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from podium.registry.request import RegisteredVersion, ZenmlReference
from podium.registry.zenml_connection import connect, reporting

if TYPE_CHECKING:
    from zenml.client import Client
    from zenml.models import ModelVersionResponse

_ARCHIVED = "archived"
_ORDER: Final = (_ARCHIVED, "none", "production", "staging")


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

    with reporting(version.model, version.version):
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

    with reporting(model, number):
        entry = _ensure(client, model, number)
        client.zen_store.create_model_version_pipeline_run_link(
            ModelVersionPipelineRunRequest(model_version=entry.id, pipeline_run=run)
        )


class ZenmlMirror:
    """Sets stages in the model control plane; a :class:`podium.registry.sync.Mirror`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def apply(self, model: str, stages: Mapping[int, str]) -> list[str]:
        """Set each version's stage; who leaves all stages first, the challenger last.

        ZenML archives whoever holds a stage that another version is set to: the champion is out of ``staging`` by then.
        """
        changes = []
        for number, stage in sorted(stages.items(), key=lambda item: _ORDER.index(item[1])):
            with reporting(model, number):
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
            with reporting(model, number):
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

"""Registers a run's winner as a model version: artifacts first, verified, then the version, then its alias."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from podium.bundle import Bundle
from podium.code import code_digest
from podium.digest import digest_directory, digest_json
from podium.errors import RegistryError
from podium.registry import tracking, versions
from podium.registry.evidence import Evidence
from podium.registry.log import EventLog
from podium.registry.package import ONNX_PATH, build_package, bundle_digest, check_predictions, reference_predictions
from podium.registry.provenance import CodeState
from podium.registry.request import Digests, RegisteredVersion
from podium.registry.state import ModelState, fold
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)
_CODE = ("podium.validation", "podium.training", "podium.evaluation.evaluate", "podium.evaluation.compare")
"""Steps are cached by their code, so what these are now is what made the model and its figures."""


def register(
    settings: Settings,
    *,
    model: str,
    run: str,
    mlflow_run: str,
    bundle: Path,
    evidence: Evidence,
    config_digest: str,
    code: CodeState,
    dvc: str | None = None,
    lock: str | None = None,
    examples: NDArray[np.uint8],
    expected: NDArray[np.float32] | None = None,
    onnx: bool = False,
    client: MlflowClient | None = None,
) -> RegisteredVersion:
    """Register the winner; may be repeated after a crash at any point, and run in several processes.

    The same model on the same data with the same evidence is one version. A model that is the champion already is
    returned with ``standing == "champion"`` and nothing is written.

    Args:
        settings: Where the registry is.
        model: Name of the registered model.
        run: Name of the Podium run.
        mlflow_run: Id of the winner's MLflow run, which gets the artifacts.
        bundle: Folder of the winner's saved bundle.
        evidence: What a reviewer will see.
        config_digest: Digest of the run's configuration.
        code: Commit of the checkout.
        dvc: DVC's hash of the data set, if DVC tracks it.
        lock: SHA-256 of the lock file of the packages, if there is one.
        examples: Some validation images, uint8 N×H×W×3, N ≥ 1.
        expected: Their probabilities as evaluated, float32 N×C; computed from the bundle if not given.
        onnx: Whether the version holds the network as ONNX, too. One that cannot be exported is registered without,
            which the log and the tag ``podium.onnx`` tell.
        client: An existing MLflow client; a new one by default.

    Returns:
        The version. ``created`` tells whether it is new, ``standing`` what the log says about it.

    Raises:
        RegistryError: The packaged model predicts something else, artifacts did not arrive whole, or no store answers.
    """
    mlflow = client or tracking.client(settings)
    loaded = Bundle.load(bundle)
    digests = Digests(
        model=bundle_digest(bundle),
        package="",
        data=loaded.data_digest,
        code=code_digest(*_CODE),
        config=config_digest,
        evidence=evidence.digest,
    )
    wanted = RegisteredVersion(
        model=model,
        version=0,
        mlflow_run=mlflow_run,
        run=run,
        candidate=loaded.candidate.name,
        recipe=loaded.candidate.recipe.id,
        digests=digests,
        code=code,
        dvc=dvc,
        lock=lock,
        figures=evidence.selected,
    )
    submission = digest_json({"model": digests.model, "data": digests.data, "evidence": evidence.substance})
    with tracking.registry_lock(settings):
        state = fold(EventLog(settings.reviews).events(), model)
        found = _find(mlflow, state, digests, model, submission)
        if found is None:
            probabilities = reference_predictions(bundle, examples) if expected is None else expected
            version = _create(settings, mlflow, wanted, submission, bundle, evidence, examples, probabilities, onnx)
        else:
            version = versions.from_mlflow(found)
        version = version.model_copy(update={"standing": state.standing(version.version)})
        _set_challenger(mlflow, state, version)
    return version


def _find(client: MlflowClient, state: ModelState, digests: Digests, model: str, submission: str) -> Any | None:
    """The version with this submission: model, data, and evidence but for timings.

    Otherwise the champion, if it is the same model on the same data.
    """
    query = f"name = '{model}' and tags.`{versions.SUBMISSION_TAG}` = '{submission}'"
    for found in client.search_model_versions(query):
        return found
    if state.champion is not None:
        recorded = state.reviews[state.champion].request.version.digests
        if (recorded.model, recorded.data) == (digests.model, digests.data):
            return versions.get_version(client, model, state.champion)
    return None


def _create(
    settings: Settings,
    client: MlflowClient,
    wanted: RegisteredVersion,
    submission: str,
    bundle: Path,
    evidence: Evidence,
    examples: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    onnx: bool,
) -> RegisteredVersion:
    """Upload and check the artifacts, then make the version, tags included, in one transaction of MLflow's."""
    with tempfile.TemporaryDirectory(prefix="podium-register-") as scratch:
        package = Path(scratch) / "model"
        portable = Path(scratch) / "onnx"
        missing = _export(bundle, examples, portable) if onnx else "not asked for"
        build_package(bundle, package, examples, onnx=portable if missing is None else None)
        digests = wanted.digests.model_copy(update={"package": digest_directory(package)})
        source, evidence_path = _upload(client, wanted.mlflow_run, submission, package, evidence)
        check_predictions(_fetch(settings, source, Path(scratch), digests.package), examples, probabilities)
    wanted = wanted.model_copy(update={"digests": digests})
    _ensure_model(client, wanted.model)
    made = client.create_model_version(
        wanted.model,
        source,
        run_id=wanted.mlflow_run,
        tags={
            **versions.to_tags(wanted),
            versions.SUBMISSION_TAG: submission,
            versions.EVIDENCE_TAG: evidence_path,
            versions.ONNX_TAG: missing or ONNX_PATH,
        },
        description=_describe(wanted),
        await_creation_for=0,
    )
    return wanted.model_copy(update={"version": int(made.version), "created": True})


def _export(bundle: Path, examples: NDArray[np.uint8], folder: Path) -> str | None:
    """Why the network is not in ``folder`` as ONNX; None if it is."""
    from podium.training.portable import write_onnx  # brings torch, which finding a version does not need

    folder.mkdir()
    loaded = Bundle.load(bundle)
    reason = write_onnx(loaded, examples, folder)
    if reason is not None:
        _log.warning("%s is registered without ONNX: %s", loaded.candidate.name, reason)
    return reason


def _upload(client: MlflowClient, run: str, submission: str, package: Path, evidence: Evidence) -> tuple[str, str]:
    """Upload model and evidence to the run; returns the model's address and the evidence's path within the run."""
    base = f"registered/{submission[:16]}"
    folder = package.parent / "evidence"
    folder.mkdir()
    evidence.write(folder)
    client.log_artifacts(run, str(folder), f"{base}/evidence")
    client.log_artifacts(run, str(package), f"{base}/model")
    root = client.get_run(run).info.artifact_uri.rstrip("/")
    return f"{root}/{base}/model", f"{base}/evidence"


def _fetch(settings: Settings, source: str, scratch: Path, package_digest: str) -> Path:
    """Download the uploaded model again and check that all of it arrived."""
    got = versions.download(settings, scratch / "fetched", what="the uploaded model", artifact_uri=source)
    if digest_directory(got) != package_digest:
        raise RegistryError(
            f"{source}: what the artifact store holds is not what was uploaded",
            remedy="check the store's room and start the run again: registration continues",
        )
    return got


def _ensure_model(client: MlflowClient, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model, description="Versions that Podium registered; see `podium review list`.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _set_challenger(client: MlflowClient, state: ModelState, version: RegisteredVersion) -> None:
    """Point the alias at the version if it awaits a decision and no newer one does."""
    newest = state.newest_open()
    if version.standing in ("unreviewed", "open") and (newest is None or version.version >= newest):
        client.set_registered_model_alias(version.model, versions.CHALLENGER, str(version.version))


def _describe(version: RegisteredVersion) -> str:
    accuracy = version.figures.test_accuracy
    figure = f", test accuracy {accuracy:.4f}" if accuracy is not None else ""
    return f"{version.candidate} of run {version.run}{figure}; data {version.digests.data[:12]}"

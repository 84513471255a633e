"""All checks of ``infra/kubernetes`` and ``infra/stacks/kubernetes.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from infra.checks import image, references
from infra.checks.manifests import (
    Manifest,
    containers,
    labels,
    pod,
    render,
    restricted_faults,
    schema_faults,
    sense_faults,
    title,
)
from infra.checks.rights import may
from infra.checks.zenml_pods import Cluster


def folder_faults(folder: Path) -> Iterator[str]:
    """Of the manifests of a folder as ``kubectl apply -k`` would send them, and of the job that is applied alone."""
    once = yaml.safe_load((folder / "data.yaml").read_text())
    manifests, secrets = [*render(folder), once], references.supplied_secrets(folder / "README.md")
    for manifest in manifests:
        yield from schema_faults(manifest)
        yield from sense_faults(manifest)
        yield from restricted_faults(manifest)
        yield from mount_faults(manifest, folder / "Dockerfile")
    yield from references.reference_faults(manifests, secrets)
    yield from references.namespace_faults(manifests)
    yield from references.no_secrets_inside(manifests)
    yield from references.selector_faults(manifests, _zenml_labels(folder))
    yield from image.helm_faults(folder / "zenml-values.yaml", secrets)


def pod_faults(folder: Path, cluster: Cluster) -> Iterator[str]:
    """Of the jobs that ZenML made with our stack, and of what it asked the cluster for.

    Args:
        folder: The manifests.
        cluster: The training's job first, the driver's second.
    """
    manifests, secrets = render(folder), references.supplied_secrets(folder / "README.md")
    for job in cluster.jobs:
        whole = without_nulls(job) | {"metadata": {**job["metadata"], "namespace": manifests[0]["metadata"]["name"]}}
        yield from schema_faults(whole)
        yield from sense_faults(whole)
        yield from restricted_faults(whole)
        yield from mount_faults(whole, folder / "Dockerfile")
        yield from references.reference_faults([*manifests, whole], secrets)
    training, driver = (job["spec"]["template"]["spec"] for job in cluster.jobs)
    quota = next(found for found in manifests if found["kind"] == "ResourceQuota")["spec"]["hard"]
    gpus = int(training["containers"][0]["resources"]["limits"].get("nvidia.com/gpu", 0))
    if not 0 < gpus <= int(quota["requests.nvidia.com/gpu"]):
        yield f"trainings ask for {gpus} GPUs, the quota is {quota['requests.nvidia.com/gpu']}"
    if not training.get("nodeSelector"):
        yield "trainings select no nodes"
    if not any(entry.get("key") == "nvidia.com/gpu" for entry in training.get("tolerations", [])):
        yield "trainings do not tolerate the taint of GPU nodes"
    if training.get("automountServiceAccountToken") is not False:
        yield "trainings get a token of the cluster"
    for request in cluster.asked:
        if not may(manifests, driver["serviceAccountName"], request):
            yield f"{driver['serviceAccountName']} may not {request.verb} {request.resource}, which ZenML does"


def mount_faults(manifest: Manifest, dockerfile: Path) -> Iterator[str]:
    """Folders that a run or a retraining writes to and that are not mounted; mounts in the read-only checkout.

    DVC and Podium write beside the data set, so that a mount of the data set's folder alone is of no use.
    """
    if pod(manifest) is None or labels(manifest).get("app.kubernetes.io/component") not in _RUNS:
        return
    for container in containers(manifest):
        where = f"{title(manifest)}: container {container['name']}"
        places = [
            PurePosixPath(mount["mountPath"])
            for mount in container.get("volumeMounts", [])
            if not mount.get("readOnly")
        ]
        for name, path in image.written(dockerfile).items():
            if not any(PurePosixPath(path).is_relative_to(place) for place in places):
                yield f"{where}: {name} leads to {path}, which is on no volume"
        for place in places:
            if place.is_relative_to("/app"):
                yield f"{where}: {place} is mounted, but what is beside it is read-only"


_RUNS: Final = {"driver", "step", "retraining"}


def without_nulls(value: Any) -> Any:
    """ZenML 0.98 sends nulls under names that Kubernetes does not know (and drops, with a warning)."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _zenml_labels(folder: Path) -> list[dict[str, str]]:
    """Labels of the pods that ZenML makes with our stack."""
    stack = yaml.safe_load((folder.parent / "stacks" / "kubernetes.yaml").read_text())
    configurations = (part.get("configuration", {}) for part in stack["components"].values())
    return [found["pod_settings"]["labels"] for found in configurations if "pod_settings" in found]

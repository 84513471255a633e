"""Kubernetes manifests as kustomize renders them, and whether a cluster of several versions would take them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Manifest = dict[str, Any]

VERSIONS: Final = ("1.30.0", kubernetes_validate.latest_version())
"""Versions of Kubernetes whose schemas a manifest has to fit."""
_SCHEMAS: Final = Path(kubernetes_validate.__file__).with_name("kubernetes-json-schema")
_KUSTOMIZATION: Final = {"apiVersion", "kind", "namespace", "images", "resources"}
"""The keys that :func:`render` knows; another one would make it render something else than kustomize."""
_CLUSTER_WIDE: Final = {"Namespace"}
_CRON: Final = re.compile(r"^((\*|[0-9]+(-[0-9]+)?)(/[0-9]+)?(,(\*|[0-9]+(-[0-9]+)?)(/[0-9]+)?)*( |$)){5}$")
_POD_OF: Final = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def render(folder: Path) -> list[Manifest]:
    """The manifests of a folder's ``kustomization.yaml``, with its namespace and images.

    Raises:
        ValueError: The kustomization has a key that is not known here, or leaves a file of the folder out.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := kustomization.keys() - _KUSTOMIZATION:
        raise ValueError(f"kustomization.yaml: {', '.join(sorted(unknown))}: not known to infra/checks")
    images = {entry["name"]: f"{entry['newName']}:{entry['newTag']}" for entry in kustomization["images"]}
    found = []
    for name in kustomization["resources"]:
        for manifest in yaml.safe_load_all((folder / name).read_text()):
            if manifest["kind"] not in _CLUSTER_WIDE:
                manifest["metadata"]["namespace"] = kustomization["namespace"]
            for container in containers(manifest):
                container["image"] = images.get(container["image"], container["image"])
            found.append(manifest)
    return found


def title(manifest: Manifest) -> str:
    """As faults name it: ``CronJob retraining``."""
    return f"{manifest.get('kind')} {manifest.get('metadata', {}).get('name') or '(without a name)'}"


def pod(manifest: Manifest) -> Manifest | None:
    """The pod's specification in a manifest that makes pods."""
    path = _POD_OF.get(str(manifest.get("kind")))
    if path is None:
        return None
    for key in path:
        manifest = manifest[key]
    return manifest


def labels(manifest: Manifest) -> dict[str, str]:
    """The labels of the pods that a manifest makes."""
    for key in _POD_OF[manifest["kind"]][:-1]:
        manifest = manifest[key]
    return dict(manifest["metadata"].get("labels") or {})


def containers(manifest: Manifest) -> list[Manifest]:
    """All containers of a manifest that makes pods."""
    found = pod(manifest) or {}
    return [*found.get("initContainers", []), *found.get("containers", [])]


def schema_faults(manifest: Manifest) -> Iterator[str]:
    """Wrong types and missing or unknown fields, by the schemas of several versions."""
    kind, group = str(manifest.get("kind")), str(manifest.get("apiVersion"))
    for version in VERSIONS:
        validator = _validator(version, kind, group)
        if validator is None:
            yield f"{title(manifest)}: Kubernetes {version} has no {group} {kind}"
            continue
        for error in validator.iter_errors(manifest):
            where = ".".join(str(part) for part in error.path)
            yield f"{title(manifest)}: Kubernetes {version}: {where or 'top level'}: {error.message}"


@functools.cache
def _validator(version: str, kind: str, group: str) -> Draft202012Validator | None:
    """Of kubernetes-validate's schemas in which unknown fields are refused; None where there is no such kind.

    Its own function reads a megabyte for each manifest.
    """
    group = re.sub(r"^([^./]*)(\.[^/]*)?/", r"\1-", group)
    file = _SCHEMAS / f"v{version}-local-strict" / f"{kind.lower()}-{group}.json"
    if not file.is_file():
        return None
    found = Resource.from_contents(json.loads(file.read_text()), default_specification=DRAFT202012)
    return Draft202012Validator(found.contents, registry=found @ _definitions(file.parent))


@functools.cache
def _definitions(folder: Path) -> Registry[Any]:
    contents = json.loads((folder / "_definitions.json").read_text())
    return Resource.from_contents(contents, default_specification=DRAFT202012) @ Registry()


def sense_faults(manifest: Manifest) -> Iterator[str]:
    """What a schema does not know: names, schedules, restart policies, images without a version."""
    name = str(manifest.get("metadata", {}).get("name"))
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        yield f"{title(manifest)}: no name that Kubernetes takes"
    if manifest.get("kind") == "CronJob" and not _CRON.match(manifest["spec"]["schedule"]):
        yield f"{title(manifest)}: schedule {manifest['spec']['schedule']!r} is none"
    found = pod(manifest)
    if found is None:
        return
    policies = {"Always"} if manifest["kind"] == "Deployment" else {"Never", "OnFailure"}
    if found.get("restartPolicy", "Always") not in policies:
        yield f"{title(manifest)}: restartPolicy {found.get('restartPolicy', 'Always')} is refused there"
    volumes = {volume["name"] for volume in found.get("volumes", [])}
    for container in containers(manifest):
        where = f"{title(manifest)}: container {container['name']}"
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"{where}: image {container['image']} has no version"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"{where}: no limit of memory"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{where}: there is no volume {mount['name']}"


def restricted_faults(manifest: Manifest) -> Iterator[str]:
    """What Kubernetes' pod security standard "restricted", which the namespace enforces, would refuse."""
    found = pod(manifest)
    if found is None:
        return
    whole = found.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if found.get(key):
            yield f"{title(manifest)}: {key}"
    for volume in found.get("volumes", []):
        if kind := volume.keys() - {"name"} - {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}:
            yield f"{title(manifest)}: volume {volume['name']}: {', '.join(kind)}"
    for container in containers(manifest):
        where = f"{title(manifest)}: container {container['name']}"
        own = container.get("securityContext") or {}
        both = {**whole, **{key: value for key, value in own.items() if value is not None}}
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield f"{where}: may run as root"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{where}: no seccomp profile"
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{where}: may gain privileges"
        if (own.get("capabilities") or {}).get("drop") != ["ALL"]:
            yield f"{where}: keeps capabilities"

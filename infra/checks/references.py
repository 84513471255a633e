"""Whether what manifests name exists: accounts, settings, claims, selected pods; secrets as README.md tells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.checks.manifests import Manifest, containers, labels, pod, title

_ROW: Final = re.compile(r"^\| `(?P<name>[a-z0-9-]+)` \| (?P<keys>[^|]+) \|", re.MULTILINE)

_VOLUMES: Final = {
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
    "secret": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
}
_SOURCES: Final = {"secretRef": ("Secret", "name"), "configMapRef": ("ConfigMap", "name")}
_VALUES: Final = {"secretKeyRef": ("Secret", "name"), "configMapKeyRef": ("ConfigMap", "name")}


def supplied_secrets(readme: Path) -> dict[str, set[str]]:
    """Secrets that the site supplies, with their keys: the rows ``| `name` | `key`, … |`` of a page."""
    text = readme.read_text()
    return {row["name"]: set(re.findall(r"`([^`]+)`", row["keys"])) for row in _ROW.finditer(text)}


def reference_faults(manifests: Sequence[Manifest], secrets: dict[str, set[str]]) -> Iterator[str]:
    """What is named and not there."""
    there = {(found["kind"], found["metadata"]["name"]) for found in manifests}
    for manifest in manifests:
        for kind, name, key in _named(manifest):
            if kind == "Secret":
                if name not in secrets:
                    yield f"{title(manifest)}: README.md does not tell of a secret {name}"
                elif key is not None and key not in secrets[name]:
                    yield f"{title(manifest)}: README.md tells no key {key} of the secret {name}"
            elif (kind, name) not in there:
                yield f"{title(manifest)}: there is no {kind} {name}"


def namespace_faults(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Manifests of another namespace than the one that is made."""
    made = {found["metadata"]["name"] for found in manifests if found["kind"] == "Namespace"}
    for manifest in manifests:
        space = manifest["metadata"].get("namespace")
        if manifest["kind"] != "Namespace" and space not in made:
            yield f"{title(manifest)}: in the namespace {space}, which is not made here"


def selector_faults(manifests: Sequence[Manifest], more: Iterable[dict[str, str]]) -> Iterator[str]:
    """Selectors of services and network policies that no pod has the labels for.

    Args:
        manifests: As rendered.
        more: Labels of the pods that ZenML makes.
    """
    pods = [labels(found) for found in manifests if pod(found) is not None] + list(more)
    for manifest in manifests:
        for selector in _selectors(manifest):
            if not any(_selects(selector, found) for found in pods):
                yield f"{title(manifest)}: no pod has the labels {selector}"


def no_secrets_inside(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Secrets that stand in the files instead of being referred to."""
    for manifest in manifests:
        if manifest["kind"] == "Secret":
            yield f"{title(manifest)}: a secret does not belong into a file"
        entries = [(entry["name"], entry.get("value")) for one in containers(manifest) for entry in one.get("env", [])]
        entries += list(manifest.get("data", {}).items()) if manifest["kind"] == "ConfigMap" else []
        for name, value in entries:
            secret = re.search("PASS|SECRET|TOKEN|KEY", name) or re.search("//[^/@]*:[^/@]*@", value or "")
            if value is not None and secret:
                yield f"{title(manifest)}: {name}: refer to a secret instead"


def _named(manifest: Manifest) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, key) of all that a manifest refers to."""
    for subject in manifest.get("subjects", []):
        yield subject["kind"], subject["name"], None
    if "roleRef" in manifest:
        yield manifest["roleRef"]["kind"], manifest["roleRef"]["name"], None
    found = pod(manifest)
    if found is None:
        return
    yield "ServiceAccount", found.get("serviceAccountName", "default"), None
    for entry in found.get("imagePullSecrets") or []:
        yield "Secret", entry["name"], None
    for volume in found.get("volumes", []):
        yield from _within(volume, _VOLUMES)
    for container in containers(manifest):
        for source in container.get("envFrom") or []:
            yield from _within(source, _SOURCES)
        for entry in container.get("env") or []:
            yield from _within(entry.get("valueFrom") or {}, _VALUES)


def _within(entry: Manifest, kinds: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str, str | None]]:
    for key, (kind, name) in kinds.items():
        if key in entry:
            yield kind, entry[key][name], entry[key].get("key")


def _selectors(manifest: Manifest) -> Iterator[dict[str, Any]]:
    if manifest["kind"] == "Service":
        yield {"matchLabels": manifest["spec"]["selector"]}
    if manifest["kind"] == "NetworkPolicy":
        spec = manifest["spec"]
        yield spec["podSelector"]
        for rule in (*spec.get("ingress", []), *spec.get("egress", [])):
            for peer in (*rule.get("from", []), *rule.get("to", [])):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield peer["podSelector"]


def _selects(selector: dict[str, Any], found: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= found.items()
    rules = [rule for rule in selector.get("matchExpressions", []) if rule["operator"] == "In"]
    return wanted and all(found.get(rule["key"]) in rule["values"] for rule in rules)

"""The Dockerfile, by hadolint and by our own rules; and Helm's values, as far as they can be looked at without Helm."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def dockerfile_faults(dockerfile: Path) -> Iterator[str]:
    """What hadolint, of the development environment, objects to, and what our own rules do."""
    yield from _rules(dockerfile)
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [program if program.exists() else "hadolint", "--no-color", dockerfile],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield from (done.stdout or done.stderr).splitlines()


def _rules(dockerfile: Path) -> Iterator[str]:
    """Bases without a version; no user, or root; no health check; packages that the lock file does not pin."""
    text = dockerfile.read_text()
    last = text.rpartition("\nFROM ")[2]
    for name, value in re.findall(r"^ARG ([A-Z]+)=(\S+)$", text, re.MULTILINE):
        if "${" + name + "}" in "".join(re.findall(r"^FROM .*$", text, re.MULTILINE)) and not re.search("[:@]", value):
            yield f"{dockerfile.name}: the base {value} has no version"
    users = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    if not users or not re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", users[-1]):
        yield f"{dockerfile.name}: the last user is no number other than 0, as runAsNonRoot needs it"
    if "\nHEALTHCHECK " not in last:
        yield f"{dockerfile.name}: no health check"
    if "--require-hashes" not in text or re.search(r"pip install (?!.*(--no-deps|uv==))", text):
        yield f"{dockerfile.name}: installs packages past requirements.lock"


def written(dockerfile: Path) -> dict[str, str]:
    """Folders that what runs in the image writes to, by the variable or the link that leads there."""
    text = dockerfile.read_text()
    found = {
        name: path
        for name, path in re.findall(r"^(?:ENV| +) *([A-Z_]+)=(/\S+)", text, re.MULTILINE)
        if name in _WRITTEN
    }
    return found | {link: place for place, link in re.findall(r"ln -s (/\S+) (/\S+)", text)}


_WRITTEN = ("HOME", "PODIUM_STATE", "ZENML_CONFIG_PATH", "DVC_SITE_CACHE_DIR")


def helm_faults(values: Path, secrets: Mapping[str, set[str]]) -> Iterator[str]:
    """Secrets that stand in the values, and references to secrets that README.md does not tell of."""
    for path, value in _leaves(yaml.safe_load(values.read_text()), ()):
        where = f"{values.name}: {'.'.join(path)}"
        secret = re.search("(password|secretkey|encryptionkey|token)$", path[-1].lower())
        if secret and "ref" not in ".".join(path).lower():
            yield f"{where}: refer to a secret instead"
        if isinstance(value, str) and re.search("//[^/@]*:[^/@]*@", value):
            yield f"{where}: refer to a secret instead of writing the password into the address"
    for reference in _references(yaml.safe_load(values.read_text())):
        if reference.get("key", "tls.key") not in secrets.get(reference["name"], ()):
            yield f"{values.name}: README.md tells of no secret {reference['name']} with a key {reference.get('key')}"


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def _references(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith("SecretRef"):
                yield item
            yield from _references(item)
        if "secretName" in value:
            yield {"name": value["secretName"], **({"key": value["secretKey"]} if "secretKey" in value else {})}

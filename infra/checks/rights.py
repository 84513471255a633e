"""What a role lets an account do, asked as Kubernetes' API server asks itself; and what a request asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.checks.manifests import Manifest

_PATH: Final = re.compile(
    r"^/(api/v1|apis/(?P<group>[^/]+)/[^/]+)(/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[^/?]+)(/(?P<name>[^/?]+))?(/(?P<sub>[^/?]+))?"
)
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Asked:
    """One request to the API server."""

    verb: str
    group: str
    resource: str
    """With its part: ``pods/log``."""
    namespace: str | None


def asked(method: str, path: str) -> Asked:
    """What a request asks for. Raises ValueError if it is none of the API's resources."""
    found = _PATH.match(path)
    if found is None:
        raise ValueError(f"{path}: not a resource of the API")
    verb = _VERBS.get(method) or ("get" if found["name"] else "list")
    if method == "DELETE" and not found["name"]:
        verb = "deletecollection"
    resource = found["resource"] + (f"/{found['sub']}" if found["sub"] else "")
    return Asked(verb, found["group"] or "", resource, found["namespace"])


def may(manifests: Sequence[Manifest], account: str, request: Asked) -> bool:
    """Whether the roles among manifests let a service account make a request."""
    roles = {found["metadata"]["name"]: found for found in manifests if found["kind"] == "Role"}
    for binding in manifests:
        if binding["kind"] != "RoleBinding":
            continue
        bound = {subject["name"] for subject in binding["subjects"] if subject["kind"] == "ServiceAccount"}
        role = roles[binding["roleRef"]["name"]]
        here = role["metadata"]["namespace"] == binding["metadata"]["namespace"] == request.namespace
        if account in bound and here and any(_covers(rule, request) for rule in role["rules"]):
            return True
    return False


def _covers(rule: dict[str, list[str]], request: Asked) -> bool:
    return (
        request.group in rule["apiGroups"] and request.resource in rule["resources"] and request.verb in rule["verbs"]
    )

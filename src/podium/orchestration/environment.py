"""The process environment in which ZenML and MLflow keep all state below one folder, and nothing is sent out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from podium.registry.zenml_variables import choosing, own_configuration, without_zenml
from podium.settings import Settings

__all__ = ["isolated_environment", "server_address", "without_zenml"]


def isolated_environment(settings: Settings) -> dict[str, str]:
    """Variables that keep ZenML's configuration, database and artifacts under ``settings.state``.

    Combine them with ``without_zenml``: a store or stack named in the caller's environment would win over them.
    Podium's own variables are among them, resolved, since a relative path means something else in another directory.
    """
    state = _plain(settings.state)
    zenml = own_configuration(state)
    return {
        **choosing(str(zenml), str(zenml / "local_stores")),
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_LOGGING_VERBOSITY": "INFO" if os.environ.get("PODIUM_VERBOSE") else "CRITICAL",
        "AUTO_OPEN_DASHBOARD": "false",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "ORT_DISABLE_TELEMETRY": "1",
        "PODIUM_ROOT": str(_plain(settings.root)),
        "PODIUM_STATE": str(state),
        "PODIUM_TRACKING_URI": _absolute(settings.tracking_uri),
        **({"PODIUM_REVIEWS_URI": _absolute(settings.reviews_uri)} if settings.reviews_uri else {}),
        **({"PODIUM_ARTIFACT_ROOT": settings.artifact_root} if settings.artifact_root else {}),
        **({"PODIUM_WEIGHTS": str(_plain(settings.weights))} if settings.weights else {}),
    }


def server_address(settings: Settings) -> str | None:
    """The ZenML server that this checkout's configuration is logged in to; None for a store of this machine.

    The dashboard's own server (``podium dashboard``) is of this machine.
    """
    folder = own_configuration(settings.state)
    store = _read(folder / "config.yaml").get("store") or {}
    if store.get("type") != "rest":
        return None
    address = str(store["url"])
    known = _read(folder / "credentials.yaml").get(address) or {}
    return None if known.get("deployment_type") == "local" else address


def _read(file: Path) -> dict[str, Any]:
    return (yaml.safe_load(file.read_text()) or {}) if file.is_file() else {}


def _absolute(uri: str) -> str:
    """The address with a relative path, of a SQLite file or of a folder, made absolute."""
    scheme, found, path = uri.partition("sqlite:///")
    if found and not scheme and path and not path.startswith((":memory:", "file:")):
        return f"sqlite:///{_plain(Path(path).absolute())}"
    return uri if ":" in uri else str(_plain(Path(uri).absolute()))


def _plain(path: Path) -> Path:
    """The path without ``..``: ZenML takes a file below such a folder for one outside of it."""
    return path.resolve() if ".." in path.parts else path

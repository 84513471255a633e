"""The process environment in which ZenML and MLflow keep all state below one folder and send nothing out."""

from __future__ import annotations

import os
from collections.abc import Mapping

from podium.settings import Settings


def isolated_environment(settings: Settings) -> dict[str, str]:
    """Variables that keep ZenML's configuration, database and artifacts under ``settings.state``.

    Combine them with ``without_zenml``: a store or stack named in the caller's environment would win over them.
    """
    zenml = settings.state / "zenml"
    return {
        "ZENML_CONFIG_PATH": str(zenml),
        "ZENML_LOCAL_STORES_PATH": str(zenml / "local_stores"),
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_LOGGING_VERBOSITY": "INFO" if os.environ.get("PODIUM_VERBOSE") else "CRITICAL",
        "AUTO_OPEN_DASHBOARD": "false",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PODIUM_STATE": str(settings.state),
    }


def without_zenml(environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of the environment without the variables that choose a ZenML configuration, store, stack or project."""
    chosen = ("ZENML_CONFIG_PATH", "ZENML_LOCAL_STORES_PATH", "ZENML_STORE_", "ZENML_ACTIVE_", "ZENML_REPOSITORY_PATH")
    return {key: value for key, value in environ.items() if not key.startswith(chosen)}

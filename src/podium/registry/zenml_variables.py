"""The environment variables that choose a ZenML configuration; needed before ZenML is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_CHOOSING = ("ZENML_CONFIG_PATH", "ZENML_LOCAL_STORES_PATH", "ZENML_STORE_", "ZENML_ACTIVE_", "ZENML_REPOSITORY_PATH")


def without_zenml(environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of the environment without the variables that choose a ZenML configuration, store, stack or project."""
    return {key: value for key, value in environ.items() if not key.startswith(_CHOOSING)}


def choosing(config_path: str, local_stores_path: str) -> dict[str, str]:
    """Variables that choose a configuration folder and nothing else.

    ``ZENML_REPOSITORY_PATH`` names a folder without ``.zen``: otherwise ZenML searches the working directory and its
    parents for one, and rewrites it.
    """
    return {
        "ZENML_CONFIG_PATH": config_path,
        "ZENML_LOCAL_STORES_PATH": local_stores_path,
        "ZENML_REPOSITORY_PATH": config_path,
    }


def own_configuration(state: Path) -> Path:
    """The configuration folder of an installation whose state is in a folder."""
    return state / "zenml"

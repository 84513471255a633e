"""Check a pipeline's whole YAML file, also what ZenML itself would silently ignore."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from zenml.config import DockerSettings, ResourceSettings
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration
from zenml.config.step_configurations import StepConfigurationUpdate

from podium.config import RunConfig
from podium.config.load import load_yaml, nearest, parse, run_config_of
from podium.errors import ConfigError
from podium.models.recipes import resolve_candidates
from podium.settings import Settings

TRAINING_STEPS = (
    "load",
    "validate",
    "train",
    "evaluate_validation",
    "select_best",
    "evaluate_test",
    "compare",
    "render",
    "register",
    "request_review",
)
"""The steps of the training pipeline; a test keeps the two alike."""

_SETTINGS: Mapping[str, type[BaseModel]] = {"resources": ResourceSettings, "docker": DockerSettings}
_COMPONENTS = (
    "orchestrator",
    "step_operator",
    "experiment_tracker",
    "artifact_store",
    "container_registry",
    "deployer",
)


def check_file(file: Path, *, steps: Collection[str] = TRAINING_STEPS, settings: Settings | None = None) -> RunConfig:
    """Check a pipeline file completely and return its run configuration.

    ZenML ignores unknown keys at the top and within ``steps``; here they are refused. Recipes are resolved, so that a
    wrong recipe or override is found before any step runs.

    Raises:
        ConfigError: names the file, the key's path and the nearest valid name.
    """
    raw = load_yaml(file)
    _refuse_unknown(raw, PipelineRunConfiguration.model_fields, file, "")
    _check_settings(raw.get("settings"), file, "settings")
    for name, step in _mapping(raw.get("steps"), file, "steps").items():
        if name not in steps:
            raise ConfigError(f"{file}: steps.{name}: the pipeline has no such step", remedy=nearest(str(name), steps))
        section = _mapping(step, file, f"steps.{name}")
        _refuse_unknown(section, StepConfigurationUpdate.model_fields, file, f"steps.{name}")
        _check_settings(section.get("settings"), file, f"steps.{name}.settings")
    config = run_config_of(raw, file)
    resolve_candidates(config, (settings or Settings.from_environment()).recipes, file=file)
    return config


def _check_settings(value: Any, file: Path, path: str) -> None:
    for key, section in _mapping(value, file, path).items():
        if key in _SETTINGS:
            model = _SETTINGS[key]
            _refuse_unknown(_mapping(section, file, f"{path}.{key}"), model.model_fields, file, f"{path}.{key}")
            parse(model, section, file, f"{path}.{key}")
        elif str(key).partition(".")[0] not in _COMPONENTS:
            raise ConfigError(
                f"{file}: {path}.{key}: unknown key", remedy=nearest(str(key), [*_SETTINGS, *_COMPONENTS])
            )


def _mapping(value: Any, file: Path, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: {path}: holds {value!r}, not a mapping", remedy="indent its keys below it")
    return value


def _refuse_unknown(value: dict[str, Any], valid: Collection[str], file: Path, path: str) -> None:
    for key in value:
        if key not in valid:
            where = f"{path}.{key}" if path else str(key)
            raise ConfigError(f"{file}: {where}: unknown key", remedy=nearest(str(key), valid))


def step_name(step: Any) -> str:
    """The name of a ZenML step, as it stands in a file's ``steps`` section."""
    return str(getattr(step, "name", None) or inspect.unwrap(step).__name__)

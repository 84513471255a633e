"""Load and check the configuration of a run: the ``parameters.config`` of a pipeline's YAML file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from podium.config.explain import explain, nearest
from podium.config.run import RunConfig
from podium.config.yaml import load_yaml
from podium.errors import ConfigError

__all__ = ["explain", "load_run_config", "load_yaml", "nearest", "parse"]

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: Any, file: Path | str, prefix: str = "") -> M:
    """Validate a value read from YAML, strictly: a text is no number, a number is no text.

    Raises:
        ConfigError: names the file, the key's path and the nearest valid name.
    """
    try:
        text = json.dumps(value, allow_nan=True)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{file}: {prefix}: {error}", remedy="use plain YAML values (quote dates)") from None
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise explain(error, model, file, prefix) from None


def load_run_config(path: Path) -> RunConfig:
    """Read the run configuration of a pipeline file.

    Raises:
        ConfigError: The file is unreadable, or a key or value is refused.
    """
    return run_config_of(load_yaml(path), path)


def run_config_of(raw: dict[str, Any], file: Path | str) -> RunConfig:
    """Validate ``parameters.config`` of a file's content. Raises ConfigError."""
    section = section_of(raw, file, "configs/quickstart.yaml")
    if is_sweep(raw):
        remedy = f"run it with `podium run {file} --pipeline pipelines.sweep.sweep_pipeline`"
        raise ConfigError(f"{file}: describes a sweep (it has parameters.config.space), not a run", remedy=remedy)
    return parse(RunConfig, section, file, "parameters.config")


def is_sweep(raw: dict[str, Any]) -> bool:
    """Whether a file's content describes a sweep: only they have a space."""
    parameters = raw.get("parameters")
    section = parameters.get("config") if isinstance(parameters, dict) else None
    return isinstance(section, dict) and "space" in section


def section_of(raw: dict[str, Any], file: Path | str, example: str) -> dict[str, Any]:
    """``parameters.config`` of a file's content, unchecked; ``example`` is a file to start from. Raises ConfigError."""
    parameters = raw.get("parameters")
    if not isinstance(parameters, dict) or not isinstance(parameters.get("config"), dict):
        raise ConfigError(
            f"{file}: parameters.config is missing",
            remedy=f"put the settings there, as {example} does",
        )
    for key in parameters:
        if key != "config":
            raise ConfigError(f"{file}: parameters.{key}: unknown key", remedy=nearest(str(key), ["config"]))
    return dict(parameters["config"])

"""The configuration of a retraining, read from a pipeline's YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.config.load import is_sweep, load_yaml, parse, section_of
from podium.config.retraining import RetrainingConfig
from podium.errors import ConfigError

EXAMPLE = "configs/retraining.yaml"


def load_retraining_config(file: Path) -> RetrainingConfig:
    """Read ``parameters.config`` of a retraining's file. Raises ConfigError."""
    return retraining_config_of(load_yaml(file, remedy=f"start from {EXAMPLE}"), file)


def retraining_config_of(raw: dict[str, Any], file: Path | str) -> RetrainingConfig:
    """Validate ``parameters.config`` of the content of a retraining's file. Raises ConfigError."""
    section = section_of(raw, file, EXAMPLE)
    if is_sweep(raw):
        raise ConfigError(f"{file}: describes a sweep, not a retraining", remedy=f"start from {EXAMPLE}")
    return parse(RetrainingConfig, section, file, "parameters.config")


def is_retraining(raw: dict[str, Any]) -> bool:
    """Whether a file's content describes a retraining: only they have a section of that name."""
    parameters = raw.get("parameters")
    section = parameters.get("config") if isinstance(parameters, dict) else None
    return isinstance(section, dict) and "retraining" in section

"""The configuration of a sweep, read from a pipeline's YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from podium.config.load import is_sweep, parse, section_of
from podium.config.sweep import SweepConfig
from podium.errors import ConfigError


def sweep_config_of(raw: dict[str, Any], file: Path | str) -> SweepConfig:
    """Validate ``parameters.config`` of the content of a sweep's file. Raises ConfigError."""
    section = section_of(raw, file, "configs/sweep.yaml")
    if "candidates" in section and not is_sweep(raw):
        remedy = "start from configs/sweep.yaml, or name the training pipeline"
        raise ConfigError(f"{file}: describes a run (it has parameters.config.candidates), not a sweep", remedy=remedy)
    return parse(SweepConfig, section, file, "parameters.config")

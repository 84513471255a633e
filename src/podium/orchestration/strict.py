"""Check a pipeline's whole YAML file, also what ZenML itself would silently ignore."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from pathlib import Path
from typing import Any

from zenml.config.pipeline_run_configuration import PipelineRunConfiguration

from podium.config import RunConfig
from podium.config.load import is_sweep, load_yaml, nearest, run_config_of
from podium.config.promotion_file import load_policy
from podium.config.retraining import RetrainingConfig
from podium.config.retraining_file import is_retraining, retraining_config_of
from podium.config.sweep import SweepConfig
from podium.config.sweep_file import sweep_config_of
from podium.data.policy import known_size
from podium.errors import ConfigError
from podium.models.recipes import resolve_candidates
from podium.orchestration import schema
from podium.settings import Settings
from podium.validation.suite import load_suite

TRAINING_STEPS = (
    "load",
    "validate",
    "train",
    "evaluate_validation",
    "examine",
    "select_best",
    "open_test",
    "evaluate_test",
    "evaluate_champion",
    "compare",
    "render",
    "gate",
    "set_aside",
    "register",
    "dossier",
    "request_review",
)
"""The steps of the training pipeline; a test keeps the two alike."""

SWEEP_STEPS = ("load_for_sweep", "trial", "rank")
"""The steps of the sweep pipeline; likewise."""

SHIPPED_STEPS = (*TRAINING_STEPS, "export")
"""The steps of all pipelines that come with Podium and take a run's configuration."""


def check_file(
    file: Path, *, steps: Collection[str] | None = SHIPPED_STEPS, settings: Settings | None = None
) -> RunConfig:
    """Check a pipeline file completely and return its run configuration.

    ZenML ignores unknown keys at every depth; here they are refused, and values of a wrong type as well. Recipes and
    the suite are resolved, so that what is wrong in them is found before any step runs, also what makes no sense for
    images of the size that the file names or the data set has, if it is here. What is not checked in the
    settings of a stack's components, :func:`podium.orchestration.schema.check_settings` tells.

    Args:
        file: The YAML file.
        steps: Names of the pipeline's steps; None if they are not known.
        settings: Where the recipes are.

    Raises:
        ConfigError: names the file, the key's path and the nearest valid name.
    """
    raw = _check_around(file, steps)
    config = run_config_of(raw, file)
    _check_run(config, settings or Settings.from_environment(), file)
    return config


def _check_run(config: RunConfig, settings: Settings, file: Path) -> None:
    resolve_candidates(config, settings.recipes, file=file, size=known_size(config.data, settings.root))
    load_suite(config.validation.suite, settings.root)
    load_policy(settings.root)


def check_retraining_file(
    file: Path, *, steps: Collection[str] | None = TRAINING_STEPS, settings: Settings | None = None
) -> RetrainingConfig:
    """The same for the file of a retraining. Raises ConfigError."""
    config = retraining_config_of(_check_around(file, steps), file)
    _check_run(config, settings or Settings.from_environment(), file)
    return config


def check_sweep_file(
    file: Path, *, steps: Collection[str] | None = SWEEP_STEPS, settings: Settings | None = None
) -> SweepConfig:
    """The same for the file of a sweep, whose space is checked against the recipe's types. Raises ConfigError."""
    from podium.sweeps.space import open_space  # here, since Optuna takes half a second

    config = sweep_config_of(_check_around(file, steps), file)
    settings = settings or Settings.from_environment()
    open_space(config, settings.recipes, file=file, images=known_size(config.data, settings.root))
    return config


def check_any_file(
    file: Path, *, steps_known: bool = True, settings: Settings | None = None
) -> RunConfig | SweepConfig:
    """Check a file as what it is, a run's or a sweep's; ``steps_known`` if its pipeline is Podium's own."""
    raw = load_yaml(file)
    if is_retraining(raw):
        return check_retraining_file(file, steps=TRAINING_STEPS if steps_known else None, settings=settings)
    if is_sweep(raw):
        return check_sweep_file(file, steps=SWEEP_STEPS if steps_known else None, settings=settings)
    return check_file(file, steps=SHIPPED_STEPS if steps_known else None, settings=settings)


def _check_around(file: Path, steps: Collection[str] | None) -> dict[str, Any]:
    """Check all but ``parameters.config``; return the file's content."""
    raw = load_yaml(file)
    run = _without_null(raw)
    sections = run.get("steps")
    for name, section in (sections if isinstance(sections, dict) else {}).items():
        if steps is not None and name not in steps:
            raise ConfigError(f"{file}: steps.{name}: the pipeline has no such step", remedy=nearest(str(name), steps))
        if isinstance(section, dict) and "parameters" in section:
            raise ConfigError(
                f"{file}: steps.{name}.parameters: has no effect, since the pipeline itself calls its steps",
                remedy="put the run's settings below parameters.config",
            )
    schema.check(PipelineRunConfiguration, run, file)
    return raw


def _without_null(value: Any) -> Any:
    """The value without keys that hold nothing, which ZenML drops as well."""
    if not isinstance(value, dict):
        return value
    return {key: _without_null(item) for key, item in value.items() if item is not None}


def step_name(step: Any) -> str:
    """The name of a ZenML step, as it stands in a file's ``steps`` section."""
    return str(getattr(step, "name", None) or inspect.unwrap(step).__name__)

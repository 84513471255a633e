"""A dynamic ZenML pipeline that checks its file first and ends with one clear error instead of a traceback."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import click
from zenml.enums import ExecutionMode
from zenml.pipelines.dynamic.pipeline_definition import DynamicPipeline

from podium.config import RunConfig
from podium.config.sweep import SweepConfig
from podium.data.policy import check_configured
from podium.errors import ConfigError, PodiumError, of_os_error
from podium.orchestration.driver import driving
from podium.orchestration.looks import looked_at_by
from podium.orchestration.placing import containers, no_jobs_left, placing
from podium.orchestration.strict import check_file, step_name
from podium.settings import Settings

_ENVIRONMENT = {
    # Literal step arguments stay parameters, shown with the step, instead of becoming uploaded artifacts.
    "ZENML_PARAMETER_SIZE_THRESHOLD": "100000",
    # Candidates beyond ZenML's ten workers would wait for others without need.
    "ZENML_DYNAMIC_PIPELINE_WORKER_COUNT": "32",
    # Seconds between two looks at steps that run as jobs; a step operator asks its cluster no more often than it wants.
    "ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL": "1",
    "ZENML_DYNAMIC_PIPELINE_MONITORING_DELAY": "0",
}


class RunError(click.ClickException):
    """A run that cannot start or go on; ZenML's command line prints it without a traceback."""

    exit_code: int  # type: ignore[misc]  # of the error, not of the class

    def __init__(self, error: PodiumError) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code


class CheckFile(Protocol):
    """Checks a whole pipeline file and returns its configuration; see ``podium.orchestration.strict``."""

    def __call__(self, file: Path, *, steps: list[str]) -> RunConfig | SweepConfig:
        """Raises ConfigError."""


class StrictPipeline(DynamicPipeline):
    """Refuses what ZenML would ignore in the file given with ``-c``, before any step runs."""

    check: CheckFile = staticmethod(check_file)
    example: str = "configs/quickstart.yaml"
    placed: frozenset[str] = frozenset()
    """Names of the steps that run as jobs where the stack has a step operator."""

    def with_options(self, *, config_path: str | None = None, **kwargs: Any) -> StrictPipeline:  # type: ignore[override]
        """Copy the pipeline with options; see ZenML. Raises RunError if the file is refused."""
        if config_path is not None:
            config = self.checked(config_path)
            # As we read it: ZenML's YAML reader takes 1e-3 for a text and the last of two equal keys.
            kwargs["parameters"] = {"config": config.model_dump(mode="json", exclude_unset=True)}
            kwargs["steps"] = placing(self.placed, Path(config_path))
            kwargs["settings"] = containers(Path(config_path))
        copy = super().with_options(config_path=config_path, **kwargs)
        assert isinstance(copy, StrictPipeline)
        return copy

    def checked(self, file: str) -> RunConfig | SweepConfig:
        """The configuration in a pipeline file. Raises RunError if the file is refused, or the data set it names."""
        try:
            config = self.check(Path(file), steps=[step_name(step) for step in self.depends_on])
            check_configured(config, Settings.from_environment().root, Path(file))
        except PodiumError as error:
            raise RunError(error) from None
        return config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the pipeline; see ZenML. Raises RunError for what a person can mend, and other errors as they are."""
        if not (args or kwargs or self._has_parameters()):
            raise RunError(
                ConfigError(f"the pipeline {self.name} needs a configuration", remedy=f"add -c {self.example}")
            )
        try:
            with _environment(_ENVIRONMENT):
                return super().__call__(*args, **kwargs)
        except PodiumError as error:
            raise RunError(error) from None
        except OSError as error:
            raise RunError(of_os_error(error)) from error

    def _has_parameters(self) -> bool:
        return bool(self.configuration.parameters or self._from_config_file.get("parameters"))


def strict_pipeline(
    *,
    name: str,
    depends_on: Sequence[Any],
    check: CheckFile = check_file,
    example: str = StrictPipeline.example,
    placed: Sequence[Any] = (),
    look: str | None = None,
) -> Callable[[Callable[..., None]], StrictPipeline]:
    """Decorate a function as a dynamic pipeline whose failed branches don't stop the others.

    Args:
        name: Of the pipeline.
        depends_on: Its steps.
        check: Checks its files.
        example: Such a file.
        placed: Those of its steps that run as jobs where the stack has a step operator.
        look: A module that looks, cheaply, whether a scheduled run has anything to do; see
            ``podium.orchestration.looks``.
    """

    def decorate(function: Callable[..., None]) -> StrictPipeline:
        @functools.wraps(function)
        def driven(*args: Any, **kwargs: Any) -> None:
            with driving(Settings.from_environment()), no_jobs_left():
                function(*args, **kwargs)

        pipeline = StrictPipeline(
            name=name,
            entrypoint=driven,
            depends_on=list(depends_on),
            execution_mode=ExecutionMode.CONTINUE_ON_FAILURE,
            extra=looked_at_by(look),
        )
        pipeline.__doc__ = function.__doc__
        pipeline.check, pipeline.example = check, example
        pipeline.placed = frozenset(step_name(step) for step in placed)
        return pipeline

    return decorate


@contextmanager
def _environment(defaults: dict[str, str]) -> Iterator[None]:
    """Set variables that are not set, for the time of the block."""
    mine = [key for key in defaults if key not in os.environ]
    os.environ.update({key: defaults[key] for key in mine})
    try:
        yield
    finally:
        for key in mine:
            os.environ.pop(key, None)

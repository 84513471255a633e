"""Run a pipeline by its dotted path, as ``zenml pipeline run SOURCE -c FILE`` does, without its start-up remarks."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime

import click
from zenml.exceptions import RunInterruptedException
from zenml.utils import source_utils

from podium import atomic
from podium.errors import ConfigError, PodiumError, of_os_error
from podium.orchestration.pipeline import RunError, StrictPipeline
from podium.orchestration.prepare import prepare
from podium.orchestration.stopping import heed_sigterm, stop_training, stopped_status
from podium.settings import Settings


def run(source: str, config: str) -> int:
    """Run to the end; an error is told on standard error in a few lines, an unexpected one in full in a file.

    Returns:
        The process's exit status: 130 after Ctrl-C, 75 after SIGTERM; trainings have then saved their state.
    """
    try:
        pipeline = _load(source)
        pipeline.checked(config)  # a refused file makes no database
        prepare(Settings.from_environment())
        pipeline.with_options(config_path=config)()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, RunInterruptedException):
        stop_training()
        click.echo("stopped; run the same command again to go on", err=True)
        return stopped_status()
    except Exception as error:  # noqa: BLE001 - told in one line, kept in full
        return tell(error)
    return 0


def tell(error: Exception) -> int:
    """Tell on standard error why a program ends; what nobody expected is recorded in full. Returns the exit status."""
    if isinstance(error, OSError):
        error = of_os_error(error)
    expected = error if isinstance(error, PodiumError) else _recorded(error)
    RunError(expected).show()
    return expected.exit_code


def _load(source: str) -> StrictPipeline:
    remedy = "name one, such as pipelines.training.training_pipeline"
    try:
        pipeline = source_utils.load(source)
    except ModuleNotFoundError as error:
        if error.name is None or not source.startswith(error.name):
            raise
        raise ConfigError(f"{source}: there is no module {error.name}", remedy=remedy) from None
    except (AttributeError, ValueError) as error:
        raise ConfigError(f"{source}: there is no such pipeline ({error})", remedy=remedy) from error
    if not isinstance(pipeline, StrictPipeline):
        raise ConfigError(f"{source} is no pipeline of Podium", remedy=remedy)
    return pipeline


def _recorded(error: Exception) -> PodiumError:
    """One line on an unexpected error; its traceback is written to a file, if that can be."""
    lines = str(error).strip().splitlines()
    summary = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    file = Settings.from_environment().state / "logs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    try:
        atomic.write_text(file, "".join(traceback.format_exception(error)))
    except OSError as refused:
        return PodiumError(f"{summary} (its traceback could not be written: {of_os_error(refused)})")
    return PodiumError(summary, remedy=f"the traceback is in {file}")


if __name__ == "__main__":
    heed_sigterm()
    sys.exit(run(*sys.argv[1:]))

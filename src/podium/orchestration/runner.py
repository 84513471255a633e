"""Run a pipeline by its dotted path, as ``zenml pipeline run SOURCE -c FILE`` does, without its start-up remarks."""

from __future__ import annotations

import sys

import click
from zenml.utils import source_utils

from podium.errors import ConfigError
from podium.orchestration.pipeline import RunError, StrictPipeline


def run(source: str, config: str) -> int:
    """Run to the end; an expected error is printed on standard error.

    Returns:
        The process's exit status.
    """
    try:
        pipeline = source_utils.load(source)
        if not isinstance(pipeline, StrictPipeline):
            raise RunError(ConfigError(f"{source} is no pipeline of Podium", remedy="name one, such as the default"))
        pipeline.with_options(config_path=config)()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))

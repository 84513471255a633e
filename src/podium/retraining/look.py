"""The look of a scheduled retraining, before a driver is started for it: ``python -m podium.retraining.look``.

It reads the pipeline's parameters as JSON from standard input, and loads no framework. What it finds is in the history
as if the pipeline had looked. Exit status: ``NOTHING_DUE``, or 0 where something is to be trained.
"""

from __future__ import annotations

import json
import logging
import sys

from podium.config.load import parse
from podium.config.retraining import RetrainingConfig
from podium.errors import NOTHING_DUE, PodiumError
from podium.retraining.drifted import drifted
from podium.retraining.round import looking
from podium.settings import Settings

log = logging.getLogger(__name__)


def look(settings: Settings, config: RetrainingConfig) -> int:
    """Look once. Returns the exit status; raises as ``podium.retraining.round.looking``."""
    with looking(settings, config, drifted(settings, config), train=False) as found:
        if found is None:
            log.info("another run of this retraining goes on: nothing is done here")
        else:
            log.info("%s: %s", "training" if found.due.train else "not training", found.due.told)
    return 0 if found and found.due.train else NOTHING_DUE


def main() -> int:
    """Look as a program. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    parameters = json.load(sys.stdin)
    try:
        config = parse(RetrainingConfig, parameters.get("config") or {}, "the schedule", "parameters.config")
        return look(Settings.from_environment(), config)
    except PodiumError as error:
        log.error("%s", error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())

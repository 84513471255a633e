"""Keep Great Expectations from logging."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Raise the level of all loggers of Great Expectations while it works.

    It tells every step at INFO, and at ERROR of a missing key whenever a set expectation fails.
    """
    known = logging.root.manager.loggerDict.items()
    loggers = [log for name, log in known if name.startswith("great_expectations") and isinstance(log, logging.Logger)]
    loggers = [log for log in loggers if log.level != logging.NOTSET]
    loggers.append(logging.getLogger("great_expectations"))  # the others follow it
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)

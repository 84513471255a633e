"""Errors that reach a person: what is wrong, where, and what to do about it."""

from __future__ import annotations

from typing import Final

INTERRUPTED: Final = 130
"""The exit status that shells give a program ended by Ctrl-C."""
REQUEUE: Final = 75
"""EX_TEMPFAIL of sysexits.h, which schedulers take as "start it again"."""

NOTHING_DUE: Final = 90
"""Of a look before a scheduled run that finds nothing to do. No program ends with it by accident."""


class PodiumError(Exception):
    """Base of every error that the command line prints without a traceback.

    Args:
        message: What is wrong; names the file and the value.
        remedy: What the reader can do about it, as an imperative sentence.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.remedy}" if self.remedy else self.message


class ConfigError(PodiumError):
    """A configuration file or value was refused."""

    exit_code = 2


class DataError(PodiumError):
    """A data set or an image cannot be read or written."""


class ValidationFailed(PodiumError):
    """A critical expectation on the data failed; nothing may be trained on them."""

    exit_code = 3


class WeightsError(PodiumError):
    """Pretrained weights are missing or do not fit; they are never replaced by random ones."""


class TrainingFailed(PodiumError):
    """One candidate cannot be trained (chance level, NaN loss, …); the others go on."""


class TrainingCutShort(TrainingFailed):
    """Something outside of a training ended it, such as a full disk or a killed process; it may work next time."""


class TrainingStopped(PodiumError):
    """A training was asked to stop, and saved its state; the same call goes on from there.

    Args:
        message: Which training, where.
        interrupted: By Ctrl-C; otherwise by SIGTERM, as a scheduler sends it.
    """

    def __init__(self, message: str, *, interrupted: bool = False) -> None:
        super().__init__(message, remedy="run the same command again: it goes on from here")
        self.exit_code = INTERRUPTED if interrupted else REQUEUE


class RegistryError(PodiumError):
    """The model registry is not in the expected state, or cannot be read."""


class NoSuchModelVersion(RegistryError):
    """An argument names a version or an alias that the registry does not have."""

    exit_code = 2


class ReviewError(PodiumError):
    """A review cannot be opened or decided as asked."""


class NoSuchReview(ReviewError):
    """An argument names a review that there is not."""

    exit_code = 2


class BackupError(PodiumError):
    """A backup cannot be taken, or not be restored there."""


class DeskError(PodiumError):
    """The review desk cannot be opened as asked, or cannot ask whom it needs to."""


def of_os_error(error: OSError) -> PodiumError:
    """What the operating system refused (a full disk, a missing permission): the file and the reason, not the stack."""
    where = f"{error.filename}: " if error.filename else ""
    return PodiumError(f"{where}{error.strerror or error}")

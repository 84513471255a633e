"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from podium.config.base import Frozen
from podium.settings import Settings

Status = Literal["ok", "warning", "error", "skipped"]


class Finding(Frozen):
    """One sentence about one thing, and what to do about it."""

    status: Status
    told: str
    remedy: str = ""


Check = Callable[[Settings], Finding]
"""A check reads, and changes nothing. What it raises is told as its error; a PodiumError with its remedy."""


def ok(told: str) -> Finding:
    """All is well."""
    return Finding(status="ok", told=told)


def warning(told: str, remedy: str) -> Finding:
    """It works, but."""
    return Finding(status="warning", told=told, remedy=remedy)


def error(told: str, remedy: str) -> Finding:
    """Something will fail."""
    return Finding(status="error", told=told, remedy=remedy)


def skipped(told: str) -> Finding:
    """There is nothing to look at."""
    return Finding(status="skipped", told=told)

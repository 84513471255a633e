"""Requests that are refused, and the status of each error."""

from __future__ import annotations

from podium.desk.identity import Action, Identity, needed
from podium.errors import (
    ConfigError,
    DeskError,
    NoSuchModelVersion,
    NoSuchReview,
    PodiumError,
    ReviewError,
)


class Refused(PodiumError):
    """A request that is answered with a status of HTTP's own."""

    def __init__(self, status: int, message: str, *, remedy: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status, self.headers = status, headers or {}


def status_of(error: PodiumError) -> int:
    """The HTTP status for an error."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, (NoSuchReview, NoSuchModelVersion)):
        return 404
    if isinstance(error, ReviewError):
        return 409
    if isinstance(error, ConfigError):
        return 400
    return 503 if isinstance(error, DeskError) else 500


def require(identity: Identity, action: Action) -> None:
    """Raise Refused (403) unless the role suffices."""
    if not identity.may(action):
        raise Refused(
            403,
            f"{identity.user} has the role {identity.role}, which may not {action}",
            remedy=f"ask for the role {needed(action)}: `users` in the desk's configuration",
        )

"""The review desk: who may do what, how long sessions last, how often passwords may be tried. ``configs/desk.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from podium.config.base import Frozen

Role = Literal["viewer", "reviewer", "admin"]
"""Looks; decides on reviews as well; rolls back and repairs as well."""


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("give an address such as https://host.example.org")
    if parts.query or parts.fragment:
        raise ValueError("give the address without ? and #")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if urlsplit(value).path:
        raise ValueError("the desk has a host of its own: give the address without a path")
    return value


Address = Annotated[str, AfterValidator(_address)]


class DeskUser(Frozen):
    """One person."""

    role: Role
    recorded_as: str | None = Field(None, min_length=1)
    """The name in the decision log, where it is not ZenML's: that under which this person's runs are known
    (``name@host``), so that approving one's own work is noticed."""


class LoginLimits(Frozen):
    """Failed logins within the window, after which further ones are refused unseen."""

    per_user: int = Field(10, ge=1)
    per_address: int = Field(30, ge=1)
    window_minutes: float = Field(15, gt=0)


class DeskConfig(Frozen):
    """Settings of ``podium review serve``."""

    zenml_server: Address | None = None
    """Whose users log in; null: no login, which only this machine gets."""
    public_address: Annotated[Address, AfterValidator(_origin)] | None = None
    """What browsers call the desk, where it is not ``--host`` and ``--port``: behind a proxy that ends TLS."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose ``X-Forwarded-For`` is believed."""
    allow_http: bool = False
    """Let passwords and sessions cross a network unencrypted."""
    users: dict[str, DeskUser] = Field(default_factory=dict)
    """By ZenML's user name. Administrators of the ZenML server are ``admin`` unless they stand here."""
    default_role: Role | None = "viewer"
    """Of users that are not listed; null: they are refused."""
    idle_minutes: float = Field(30, gt=0)
    """A session ends after so long without a request, …"""
    longest_minutes: float = Field(12 * 60, gt=0)
    """… and after so long in any case."""
    login: LoginLimits = LoginLimits()
    promotion: Literal["pipeline", "direct"] = "pipeline"
    """How decisions are carried out: by ``pipelines/promotion.py``, where the run's ZenML environment is at hand, so
    that ZenML's lineage shows it; or without, which is quicker."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.idle_minutes > self.longest_minutes:
            raise ValueError("idle_minutes is above longest_minutes")
        return self

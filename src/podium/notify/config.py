"""Whom to tell: ``configs/notify.yaml``. Secrets are named there, and stand in environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from podium.config import Frozen
from podium.config.load import parse
from podium.config.yaml import load_yaml

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
"""Without user and password."""
_listed = BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)


class WebhookConfig(Frozen):
    """One address that gets every notice as JSON."""

    name: Text
    url: Url
    secret_env: Variable | None = None
    """Holds the key that signs; null: not signed."""
    timeout: float = Field(5.0, gt=0, le=60)
    """Seconds for each attempt."""
    attempts: int = Field(3, ge=1, le=5)


class EmailConfig(Frozen):
    """One server that takes the notices as messages."""

    host: Text
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``starttls`` and ``tls`` verify the server's certificate; ``none`` sends in the clear, and no password."""
    sender: Text
    to: Annotated[tuple[Text, ...], _listed] = Field(min_length=1)
    user: Text | None = None
    password_env: Variable | None = None
    timeout: float = Field(10.0, gt=0, le=60)
    """Seconds for each answer of the server."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent in the clear: use starttls or tls")
        return self


class NotifyConfig(Frozen):
    """All channels; none by default."""

    webhooks: Annotated[tuple[WebhookConfig, ...], _listed] = ()
    email: EmailConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [webhook.name for webhook in self.webhooks]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"webhooks: two are called {twice!r}")
        return self


def load_notify(root: Path) -> NotifyConfig:
    """Read a checkout's file; without one nobody is told.

    Raises:
        ConfigError: The file cannot be read, or a key or value is refused.
    """
    file = root / "configs" / "notify.yaml"
    if not file.exists():
        return NotifyConfig()
    return parse(NotifyConfig, load_yaml(file, remedy="start from the file in the repository"), file)

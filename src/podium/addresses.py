"""Addresses that may hold a secret: such a one is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_SECRET: Final = ("pass", "pwd", "secret", "token")
"""Parts of the names of options whose values are secrets."""


def has_secret(uri: str) -> bool:
    """Whether an address holds a password, or what may be a token before its host."""
    return any(True for _ in _secrets(uri))


def without_secrets(text: str, uri: str) -> str:
    """A text that may repeat an address, or what a server said to its password."""
    for secret in _secrets(uri):
        for form in (secret, unquote(secret), quote(secret)):
            text = text.replace(form, "***")
    return text


def _secrets(uri: str) -> Iterator[str]:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:  # such as a password with a slash, after which nothing is where it should be
        yield uri.partition("://")[2].rpartition("@")[0].partition(":")[2] or uri
        return
    if parts.password:
        yield parts.password
    elif parts.username and parts.scheme in ("http", "https"):  # of a database it is but a name
        yield parts.username
    for name, value in parse_qsl(parts.query):
        if value and any(part in name.lower() for part in _SECRET):
            yield value

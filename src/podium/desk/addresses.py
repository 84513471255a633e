"""Addresses of the desk's pages."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def review_address(review_id: str) -> str:
    """Of a review's page."""
    return f"/reviews/{quote(review_id, safe='')}"


def own_path(given: str) -> str:
    """A path of the desk to go on to after the login; the inbox for whatever could lead elsewhere."""
    parts = urlsplit(given)
    plain = given.isascii() and given.isprintable() and "\\" not in given
    if not plain or parts.scheme or parts.netloc or not given.startswith("/") or given.startswith("//"):
        return "/"
    return given

"""Counts as a person reads them."""

from __future__ import annotations


def count(value: int) -> str:
    """315722 → ``315,722``."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``2 images``, ``1,500 images``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"

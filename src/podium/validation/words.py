"""Sentences of a suite's ``meta``: placeholders are filled in, all figures in one format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
"""What a text of ``meta`` may hold: a column, a keyword argument, or ``observed``."""


def fill(text: str, values: Mapping[str, Any], shares: frozenset[str] = frozenset()) -> str:
    """Replace ``{name}`` by its value; what stands in a value is left alone, and an unknown name as well.

    Args:
        text: With placeholders.
        values: By name.
        shares: Names whose values are fractions, beside those that end in ``share``: they are told in percent.
    """

    def word(found: Any) -> str:
        name = found[1]
        if name not in values:
            return str(found[0])
        value = values[name]
        if hasattr(value, "item"):
            value = value.item()
        if not isinstance(value, int | float) or isinstance(value, bool):
            return str(value)
        if name.endswith("share") or name in shares:
            return percent(value)
        if isinstance(value, float):
            return f"{value:.4g}"
        return f"{value:,}" if value > 9999 else str(value)

    return PLACEHOLDER.sub(word, text)


def percent(value: float) -> str:
    """0.125 → ``12.5 %``."""
    return f"{100 * value:.3g} %"

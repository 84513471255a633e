"""The one way in which pages are made from templates: everything is escaped, and what is not given is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from podium.report import text

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*packages: str) -> Environment:
    """Return an environment for pages that extend ``base.html``.

    Args:
        packages: Whose folder ``templates`` is looked into before the report's own.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "podium.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "percent": text.percent,
        "count": text.count,
        "duration": text.duration,
        "significant": text.significant,
        "listing": text.listing,
        "seeds": text.seeds,
    }
    made.filters.update(filters)
    made.globals.update(plural=text.plural, interval=text.interval)
    return made

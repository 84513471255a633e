"""What a step's cached result depends on: its inputs' values, its parameters, and the code it calls."""

from __future__ import annotations

from collections.abc import Callable

from zenml.config.cache_policy import CachePolicy

from podium.orchestration.step import source_of


def depends_on_code(digest: Callable[[], str]) -> CachePolicy:
    """Reuse a result while inputs (by value), parameters and code are the same.

    Args:
        digest: A module-level function without arguments; ZenML calls it by its dotted name.
    """
    return CachePolicy(include_step_code=True, include_artifact_ids=False, cache_func=source_of(digest))

"""The order in which files are handed to pytest-xdist's workers: long ones first, so that none is begun last."""

from __future__ import annotations

from typing import Final

import pytest

_LONGEST: Final = (
    "test_scenario",
    "test_kills",
    "test_main_job",
    "test_steps",
    "test_laptop",
    "test_driver",
    "test_scheduled_retraining",
    "test_scheduled",
    "test_sweep",
    "test_faults",
    "test_readme",
    "test_explain",
    "test_dvc",
)
"""Files of ``tests/product``, of one to three minutes; others, the cluster's and kills follow, then all slow ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files; the tests of a file stay in their order. ``make`` tells pytest-xdist to keep it."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> int:
        if item.path.parent.name in {"product", "cluster", "kills"}:
            return _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST)
        return len(_LONGEST) + (1 if item.path in slow else 2)

    items.sort(key=rank)

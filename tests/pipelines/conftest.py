"""Pipelines are resolved from the checkout, whatever started the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def source_root() -> Iterator[None]:
    """ZenML asks the main module's file otherwise, and a test worker has none."""
    from zenml.utils import source_utils

    source_utils.set_custom_source_root(str(ROOT))
    yield
    source_utils.set_custom_source_root(None)

"""A C compiler, and one thread: networks this small gain nothing from more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from podium.kernels import library
from tests.needs import obtain


@pytest.fixture(autouse=True, scope="package")
def compiler() -> None:
    """Installed where root and apt are there, else the tests are skipped."""
    obtain(lambda: library.why_not() is None or None, "compiler that makes kernels", ("gcc", "libc6-dev"))


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[8, pytest.param(16, marks=pytest.mark.slow)])
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Vectors of AVX2's and of AVX-512's length; a compiler makes the second of two of the first where need be."""
    monkeypatch.setattr(library, "_has_avx512", lambda: request.param == 16)
    return int(request.param)

"""Whether layers are to use kernels: said by a context, of a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_in_use: ContextVar[bool] = ContextVar("podium_kernels_in_use", default=False)


@contextmanager
def kernels(wanted: bool = True) -> Iterator[None]:
    """Within, layers that were prepared use the kernels, in this thread; ``wanted`` false changes nothing."""
    token = _in_use.set(wanted)
    try:
        yield
    finally:
        _in_use.reset(token)


def in_use() -> bool:
    """Whether layers are to use kernels here. Compiled networks never do."""
    return not torch.compiler.is_compiling() and _in_use.get()

"""CPU threads of one training. OpenMP and MKL keep their number per calling thread; torch's default is process-wide."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_users = 0
_default = 1


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Run torch's operations of the calling thread on ``count`` CPU threads; other threads keep theirs.

    ``torch.set_num_threads`` changes the calling thread, and the default of threads that have not yet used torch.
    The latter is put back to what it was before the first of several overlapping uses.
    """
    global _users, _default  # noqa: PLW0603 - mirrors torch's own process-wide default
    with _lock:
        if _users == 0:
            _default = torch.get_num_threads()
        _users += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            torch.set_num_threads(_default)

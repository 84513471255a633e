"""CPU threads of one training. OpenMP and MKL keep their number per calling thread; torch's default is process-wide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from podium.training.overlapping import Overlapping

_default: Final = Overlapping(torch.get_num_threads, torch.set_num_threads)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Run torch's operations of the calling thread on ``count`` CPU threads; other threads keep theirs.

    ``torch.set_num_threads`` changes the calling thread, and the default of threads that have not yet used torch.
    The latter is put back to what it was before the first of several overlapping uses.
    """
    with _default() as before:
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)

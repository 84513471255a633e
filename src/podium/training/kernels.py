"""cuDNN's kernels: the fastest of them for each shape, tried out at its first use.

A training has a few shapes (of a batch, of the last batch of an epoch, of validation) and thousands of steps. The
choice may differ from run to run, and with it the last bits of a result: on a GPU no more is promised.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.backends import cudnn

_lock = threading.Lock()
_trainings = 0
_before = False


@contextmanager
def fastest_kernels(device: torch.device) -> Iterator[None]:
    """Let cuDNN try its kernels out until the last of the trainings that run at once on a GPU ends.

    The flag is the process's; it is put back to what it was before the first of them. On a CPU nothing changes.
    """
    global _trainings, _before  # noqa: PLW0603 - cuDNN's flag is the process's, too
    if device.type != "cuda":
        yield
        return
    with _lock:
        if not _trainings:
            _before = cudnn.benchmark
        _trainings += 1
        cudnn.benchmark = True
    try:
        yield
    finally:
        with _lock:
            _trainings -= 1
            if not _trainings:
                cudnn.benchmark = _before

"""cuDNN's kernels: the fastest of them for each shape, tried out at its first use.

A training has a few shapes (of a batch, of the last batch of an epoch, of validation) and thousands of steps. The
choice may differ from run to run, and with it the last bits of a result: on a GPU no more is promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch.backends import cudnn

from podium.training.overlapping import Overlapping


def _try_out() -> bool:
    before, cudnn.benchmark = cudnn.benchmark, True
    return before


def _put_back(before: bool) -> None:
    cudnn.benchmark = before


_trying: Final = Overlapping(_try_out, _put_back)


@contextmanager
def fastest_kernels(device: torch.device) -> Iterator[None]:
    """Let cuDNN try its kernels out until the last of the trainings that run at once on a GPU ends.

    The flag is the process's; it is put back to what it was before the first of them. On a CPU nothing changes.
    """
    if device.type != "cuda":
        yield
        return
    with _trying():
        yield

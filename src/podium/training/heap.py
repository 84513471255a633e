"""Freed memory stays with the process while a network is trained on a CPU.

glibc takes big blocks from the kernel and gives them back as soon as they are freed, and the kernel fills each page
with zeros again at its first use. A training step frees and takes the same blocks all over again: for small networks
on two cores a tenth to a fifth of the processor's time went that way.
"""

from __future__ import annotations

import ctypes
from typing import Final

from podium.training.overlapping import Overlapping

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
BLOCK: Final = 24 << 20
"""Bytes: larger blocks are given back at once, still. Between the others they would leave gaps - 60 MiB of 700 in
``speedrun`` -, and zeros take little of the time of what computes such blocks."""


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def _keep() -> ctypes.CDLL | None:
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_MMAP_THRESHOLD, BLOCK)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    return libc


def _give_back(libc: ctypes.CDLL | None) -> None:
    if libc is not None:
        libc.malloc_trim(0)


kept_memory: Final = Overlapping(_keep, _give_back)
"""Keep what is freed until the last of the trainings that run at once ends. Without glibc, nothing changes."""

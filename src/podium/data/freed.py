"""Give memory that was freed back to the system, where the C library would keep it for later."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system (glibc's ``malloc_trim``); does nothing where there is no such function.

    Each thread that decodes or compares has a heap of its own, which keeps the megabytes of its last block. Between two
    parts of a long work, what the first has kept would add to what the second takes.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    if arrow := sys.modules.get("pyarrow"):  # it has a heap of its own
        arrow.default_memory_pool().release_unused()

"""Blocks that a training frees are there for its next step."""

from __future__ import annotations

import subprocess
import sys

import pytest

from podium.training.heap import _glibc, kept_memory

SCRIPT = """
import resource
import numpy as np
from contextlib import nullcontext
from podium.training.heap import kept_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def steps(count):
    before = faults()
    for _ in range(count):
        np.empty(16 << 20, np.uint8).fill(1)
    return faults() - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

given_back = steps(10)
with kept_memory():
    with kept_memory():
        steps(1)
    kept = steps(10)
    held = resident()
print(given_back, kept, held - resident())
"""

LARGE = """
import numpy as np
from podium.training.heap import BLOCK, kept_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def held(size):
    before = resident()
    np.empty(size, np.uint8).fill(1)
    return resident() - before

with kept_memory():
    print(held(16 << 20), held(BLOCK + (1 << 20)))
"""


@pytest.mark.slow
def test_memory_is_kept_until_the_last_training_ends() -> None:
    if _glibc() is None:  # nothing to set: it must not be in the way
        with kept_memory():
            return
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    given_back, kept, released = map(int, done.stdout.split())
    assert given_back >= 10 * 8, "of 2 MiB at most: the script shows what is to be mended"
    assert kept <= given_back / 10
    assert released > 15 << 20


@pytest.mark.slow
def test_large_blocks_are_given_back_at_once() -> None:
    """Among the others, what is freed of them would be held, and the gaps between them."""
    if _glibc() is None:
        pytest.skip("not glibc")
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    small, large = map(int, done.stdout.split())
    assert small > 15 << 20, "the script shows what is kept"
    assert large < 4 << 20

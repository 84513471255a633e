"""Compile the C files in `native` for the processor at hand, and load them.

They are compiled anew by each process that uses them, which takes a second: what was compiled is never kept, so nobody
can put other code in its place, and it fits the machine (``-march=native``).
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Final

from podium.kernels import toom_cook

SOURCES: Final = Path(__file__).resolve().parent / "native"
COMPILERS: Final = ("cc", "gcc", "clang")
FLAGS: Final = (
    "-std=gnu11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared"
)  # fmt: skip
"""Not ``-ffast-math``: NaN has to stay NaN, and it would change how the whole process rounds."""
_lock = threading.Lock()


class NoKernels(Exception):
    """They cannot be had on this machine; says why."""


def lanes_for(*channels: int) -> int | None:
    """Floats a vector for layers of so many channels: 16 with AVX-512, else 8; None where 8 does not divide them."""
    wide = _has_avx512() and all(count % 16 == 0 for count in channels)
    if wide:
        return 16
    return 8 if all(count % 8 == 0 for count in channels) else None


def library(name: str, lanes: int, matrices: str = "") -> ctypes.CDLL:
    """What ``name``.c makes, for vectors of so many floats, with that text as "matrices.h". Raises NoKernels."""
    with _lock:
        try:
            return _compiled(name, lanes, matrices)
        except (OSError, subprocess.SubprocessError) as error:  # a full disk, a compiler that does not end
            raise NoKernels(f"they cannot be compiled here: {error}") from None


def why_not() -> str | None:
    """The reason why there are no kernels on this machine; None if there are."""
    try:
        for name in ("few", "images", "norm", "pool"):
            library(name, 8)
        library("winograd", 8, toom_cook.header(4))
    except NoKernels as reason:
        return str(reason)
    return None


@cache
def _compiled(name: str, lanes: int, matrices: str) -> ctypes.CDLL:
    if not sys.platform.startswith("linux"):
        raise NoKernels(f"they are made for Linux, not for {platform.system()}")
    compiler = next((path for each in COMPILERS if (path := shutil.which(each))), None)
    if compiler is None:
        raise NoKernels("there is no C compiler (cc, gcc or clang)")
    target = "-march=native" if platform.machine() == "x86_64" else "-mcpu=native"
    with tempfile.TemporaryDirectory(prefix="podium-kernels-") as folder:
        made = Path(folder, f"{name}.so")
        Path(folder, "matrices.h").write_text(matrices)
        source = str(SOURCES / f"{name}.c")
        command = [compiler, *FLAGS, target, f"-I{folder}", f"-DLANES={lanes}", source, "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            told = done.stderr.strip().splitlines() or ["no reason"]
            reason = next((line for line in told if "error" in line), told[0])
            raise NoKernels(f"{Path(compiler).name} failed: {reason}")
        try:
            return ctypes.CDLL(str(made))
        except OSError as error:
            raise NoKernels(f"what was compiled cannot be loaded: {error}") from None


@cache
def _has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False

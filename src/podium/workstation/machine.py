"""What this machine has: processors, memory, GPUs."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from podium.config.base import Frozen
from podium.errors import PodiumError

_QUERY: Final = "--query-gpu=index,pci.bus_id,memory.total,name"
_SPARE: Final = 0.9
"""Share of the memory that trainings may have; the rest is for who sits there."""


class Gpu(Frozen):
    """One GPU."""

    name: str
    memory: int
    """GiB, rounded down."""
    device: Path
    """Its character device."""


class Machine(Frozen):
    """What a node has."""

    name: str
    """The host's, up to the first dot."""
    cpus: int
    memory: int
    """MiB that trainings may have."""
    gpus: tuple[Gpu, ...]


def this_machine() -> Machine:
    """Look. GPUs are those that NVIDIA's driver tells, in the order of their PCI addresses; none without a driver.

    Raises:
        PodiumError: The driver does not answer, or tells what is not understood.
    """
    return Machine(
        name=socket.gethostname().partition(".")[0],
        cpus=len(os.sched_getaffinity(0)),
        memory=int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _SPARE) >> 20,
        gpus=_gpus(),
    )


def _gpus(devices: Path = Path("/dev"), driver: Path = Path("/proc/driver/nvidia/gpus")) -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, _QUERY, "--format=csv,noheader,nounits"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unreadable(str(error)) from None
    if done.returncode:
        raise _unreadable((done.stdout + done.stderr).strip())
    found = []
    for line in done.stdout.strip().splitlines():
        try:
            index, bus, memory, name = (part.strip() for part in line.split(",", 3))
            minor = _minor(driver, bus, int(index))
            found.append(Gpu(name=name, memory=int(memory) >> 10, device=devices / f"nvidia{minor}"))
        except ValueError:
            raise _unreadable(line) from None
    return tuple(found)


def _minor(driver: Path, bus: str, index: int) -> int:
    """The number of a GPU's device, which need not be its index."""
    for folder in driver.glob("*"):
        if bus.lower().endswith(folder.name.lower()):
            told = re.search(r"Device Minor:\s*(\d+)", (folder / "information").read_text())
            if told:
                return int(told[1])
    return index


def _unreadable(told: str) -> PodiumError:
    return PodiumError(f"nvidia-smi does not tell the GPUs: {told}", remedy="see that `nvidia-smi` works")

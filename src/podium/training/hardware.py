"""What the machine is, and how much memory it has and a training takes."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path

import torch

from podium.training.cgroup import free_in_groups


def describe_hardware() -> str:
    """One line: the GPU, or the processor with the cores that this process may use; and PyTorch's version."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f"{_processor()}, {len(os.sched_getaffinity(0))} cores"
    return f"{device}; PyTorch {torch.__version__}"


def default_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def free_memory(device: torch.device) -> int:
    """Bytes that can be taken on a device.

    On the CPU: what the system could free without swapping, and what the limits of the process's groups leave of it.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(min(_system_memory(), free_in_groups()))


def _system_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def used_memory(device: torch.device) -> int:
    """Bytes taken now: by tensors on a GPU, by this process on the CPU (mapped files included)."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak_memory(device)


def peak_memory(device: torch.device) -> int:
    """The most bytes that were taken at once: by tensors on a GPU, by this process on the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

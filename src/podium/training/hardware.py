"""What the machine is, for figures that are published."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def describe_hardware() -> str:
    """One line: the GPU, or the processor with the cores that this process may use; and PyTorch's version."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f"{_processor()}, {len(os.sched_getaffinity(0))} cores"
    return f"{device}; PyTorch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

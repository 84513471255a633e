"""The machine: interpreter, packages, processor or GPU, disk, clock."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from podium.doctor.finding import Finding, error, ok, skipped, warning
from podium.orchestration.environment import server_address
from podium.settings import Settings
from podium.wording import plural

_SHOWN: Final = 5
_LITTLE, _TOO_LITTLE = 5 << 30, 1 << 30
_SKEW: Final = 30
"""Seconds. Tokens and signed notices are refused beyond a few minutes; logs mislead long before."""


def packages(settings: Settings) -> Finding:
    """Whether the packages are those of the lock file."""
    lock = settings.root / "requirements.lock"
    if sys.version_info[:2] != (3, 11):
        found = f"Python {sys.version_info.major}.{sys.version_info.minor}; Podium is tested with 3.11"
        return warning(found, "make the environment with Python 3.11: `make clean setup PYTHON=python3.11`")
    if not lock.is_file():
        return skipped(f"{lock} is not there: packages cannot be compared")
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    other = [told for name, pin in pins if (told := _differs(name, pin))]
    if other:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        told = f"{plural(len(other), 'package')} not as locked: {', '.join(other[:_SHOWN])}{more}"
        return warning(told, "bring the environment up to date: `make setup`")
    return ok(f"Python 3.11, {plural(len(pins), 'package')} as locked")


def _differs(name: str, pin: str) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    return "" if found.partition("+")[0] == pin.partition("+")[0] else f"{name} {found} instead of {pin}"


def device(settings: Settings) -> Finding:
    """What trainings run on."""
    import torch

    from podium.training.hardware import describe_hardware

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return ok(f"{plural(len(names), 'GPU')}: {', '.join(names)}")
    cores = plural(len(os.sched_getaffinity(0)), "core")
    if shutil.which("nvidia-smi"):
        told = f"there is an NVIDIA driver, but PyTorch {torch.__version__} sees no GPU"
        return warning(
            told, "compare the driver's CUDA version (`nvidia-smi`) with PyTorch's, and CUDA_VISIBLE_DEVICES"
        )
    return ok(f"no GPU; {cores}: {describe_hardware()}")


def kernels(settings: Settings) -> Finding:
    """Whether trainings on the CPU can use Podium's own kernels."""
    import torch

    from podium.kernels import why_not

    if torch.cuda.is_available():
        return skipped("trainings run on a GPU")
    if reason := why_not():
        told = f"trainings run on PyTorch's layers alone, about half as fast: {reason}"
        return warning(told, "install a C compiler: `apt-get install gcc libc6-dev`")
    return ok("Podium's kernels for the CPU can be compiled")


def disk(settings: Settings) -> Finding:
    """Whether the state folder can be written to, and has room."""
    folder = settings.state if settings.state.is_dir() else settings.state.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as refused:
        return error(
            f"{folder} cannot be written to ({refused.strerror})", "give this user the right, or set PODIUM_STATE"
        )
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB free for {settings.state}"
    remedy = f"make room, or move the state folder with PODIUM_STATE; `du -sh {settings.state}/*` tells what takes it"
    if free < _TOO_LITTLE:
        return error(told, remedy)
    return warning(told, remedy) if free < _LITTLE else ok(told)


def clock(settings: Settings) -> Finding:
    """Whether this clock agrees with that of a server in use."""
    url = settings.tracking_uri if settings.tracking_uri.startswith("http") else server_address(settings)
    if not url:
        return skipped("no server to compare with")
    before = time.time()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5) as answer:  # noqa: S310 - http
            stamp = answer.headers.get("Date")
    except urllib.error.HTTPError as answered:  # a refusal has a date as well
        stamp = answered.headers.get("Date")
    except OSError as failed:
        return error(f"{_plain(url)} does not answer ({failed})", "start the server, or look at the network")
    if not stamp:
        return skipped(f"{_plain(url)} tells no time")
    skew = parsedate_to_datetime(stamp).timestamp() - (before + time.time()) / 2
    if abs(skew) > _SKEW:
        return warning(
            f"this clock is {abs(skew):.0f} s off that of {_plain(url)}", "synchronize it: `timedatectl set-ntp true`"
        )
    return ok(f"agrees with {_plain(url)}")


def _plain(url: str) -> str:
    """The address without user and password."""
    return re.sub(r"//[^/@]*@", "//", url)

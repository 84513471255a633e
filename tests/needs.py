"""What tests need of a machine: the distribution's packages, which root installs; else a skip, or in CI a failure."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Found = TypeVar("Found")

PAUSES = (0.0, 5.0, 20.0, 60.0)
"""Seconds before each attempt: a mirror may be away, or another's apt-get at work."""
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5")


def unavailable(reason: str) -> None:
    """Skip, with the reason; in CI everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must test this: {reason}")
    pytest.skip(reason)


def found(program: str) -> str | None:
    """The path of a program, those of the system's administrator included."""
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin", "/usr/local/sbin"]))


def have(program: str, *packages: str) -> None:
    """Install packages unless a program is there; skip without it, or fail in CI."""
    obtain(lambda: found(program), program, packages)


def obtain(find: Callable[[], Found | None], what: str, packages: tuple[str, ...]) -> Found:
    """What ``find`` finds, if need be after the installation of packages; one process installs at a time."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with (Path(tempfile.gettempdir()) / "podium-tests-apt.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # before the first look: another's may be unpacked and not be set up yet
            there, told = find(), ""
            for pause in PAUSES:
                if there is not None:
                    break
                time.sleep(pause)
                told = _install(packages) or "its packages are installed"
                there = find()
    else:
        there, told = find(), "it can be installed by root with apt-get alone"
    if there is None:
        unavailable(f"no {what} here: {told}")
        raise AssertionError
    return there


def _install(packages: tuple[str, ...]) -> str:
    """One attempt; returns what went wrong."""
    wrong = []
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        command, environment = [*APT, *arguments], os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            wrong.append(f"apt-get {arguments[0]}: {done.stderr.strip()[-500:]}")
    return "; ".join(wrong)

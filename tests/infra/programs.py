"""Programs of the distribution that the tests here call."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.product.remote_servers import unavailable


def have(program: str, package: str) -> None:
    """Install a program if that can be; skip without it, or fail in CI."""
    if shutil.which(program) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, check=False, timeout=300)
    if shutil.which(program) is None:
        unavailable(f"no {program} here, and it can be installed by root with apt-get alone")

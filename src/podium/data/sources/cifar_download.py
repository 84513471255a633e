"""Fetching CIFAR's archives from the addresses that torchvision knows; an interrupted download goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from podium.data.sources.cifar_files import LAYOUTS, check_md5
from podium.data.sources.download import Progress, fetch, file_name
from podium.errors import DataError

NAMES: Final = {"cifar10": LAYOUTS[0], "cifar100": LAYOUTS[2]}


def download_cifar(
    name: str, folder: Path, *, url: str | None = None, md5: str | None = None, progress: Progress | None = None
) -> Path:
    """Fetch an archive into ``folder``, unless it is there already, and return its path.

    What is fetched is always compared with an MD5. It gets its name only when it is complete; until then it is called
    ``NAME.part``, where the next call goes on (``podium.data.sources.download``).

    Args:
        name: ``cifar10`` or ``cifar100``: the archive for Python.
        folder: Where archives are kept.
        url: Of a mirror; the authors' own address, as torchvision has it, unless given.
        md5: Of the archive at ``url``, in place of the published one.
        progress: Told of bytes, and of how many.

    Raises:
        DataError: The server gives no such file, falls silent, or gives another one.
        OSError: The disk is full, or the folder cannot be written.
    """
    layout = NAMES[name]
    url = url or published_url(name)
    expected = (md5 or layout.md5).lower()
    target = folder / (file_name(url) or layout.archive)
    if target.is_file():
        try:
            check_md5(target, expected)
            return target
        except DataError:
            pass  # an older or another one; the new one takes its place when it is complete
    fetch(url, target, lambda file: check_md5(file, expected), progress)
    return target


def published_url(name: str) -> str:
    """Where the authors publish the archive for Python."""
    from torchvision.datasets import CIFAR10, CIFAR100

    return {"cifar10": CIFAR10, "cifar100": CIFAR100}[name].url

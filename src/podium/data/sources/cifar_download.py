"""Fetching CIFAR's archives with torchvision's download utility."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from podium.data.sources.cifar_files import LAYOUTS, check_md5
from podium.errors import DataError

NAMES: Final = {"cifar10": LAYOUTS[0], "cifar100": LAYOUTS[2]}
_SECONDS: Final = 60
"""Without a byte from the server."""


def download_cifar(name: str, folder: Path, *, url: str | None = None, md5: str | None = None) -> Path:
    """Fetch an archive into ``folder``, unless it is there already, and return its path.

    What is fetched is always compared with an MD5. It gets its name only when it is complete.

    Args:
        name: ``cifar10`` or ``cifar100``: the archive for Python.
        folder: Where archives are kept.
        url: Of a mirror; the authors' own address unless given.
        md5: Of the archive at ``url``, in place of the published one.

    Raises:
        DataError: The server gives no such file, falls silent, or gives another one.
        OSError: The disk is full, or the folder cannot be written.
    """
    layout = NAMES[name]
    url = url or layout.url
    if urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"{url}: not an http or https address", remedy="name a local file as the source itself")
    expected = (md5 or layout.md5).lower()
    target = folder / (Path(urlsplit(url).path).name or layout.archive)
    if target.is_file():
        try:
            check_md5(target, expected)
            return target
        except DataError:
            pass  # an older or another one; the new one takes its place when it is complete
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{target.name}.new-") as fresh:
        _fetch(url, Path(fresh), target.name)
        check_md5(Path(fresh) / target.name, expected)
        os.replace(Path(fresh) / target.name, target)
    return target


def _fetch(url: str, folder: Path, name: str) -> None:
    from http.client import HTTPException

    from torchvision.datasets.utils import download_url

    try:
        with _patience(_SECONDS):
            download_url(url, str(folder), name)
    except (OSError, HTTPException, RuntimeError, RecursionError) as error:
        if isinstance(error, OSError) and error.filename and str(folder) in str(error.filename):
            raise
        raise DataError(
            f"{url}: cannot be fetched ({error})",
            remedy="mend the connection or the address; or fetch the archive yourself and name the file",
        ) from None


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Give up in the end: torchvision knows no time limit: a silent server would be waited for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

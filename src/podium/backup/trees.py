"""Files of a folder, and objects with a prefix in an S3 bucket, in the same terms."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from podium import atomic
from podium.backup.databases import copy_sqlite
from podium.errors import BackupError

_SQLITE: Final = b"SQLite format 3\x00"
_LOGS: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open."""


class Files(Protocol):
    """Where files are, by their paths with ``/``."""

    def stamps(self) -> Iterator[tuple[str, int, str]]:
        """Path, size in bytes and stamp of each; the stamp of what has to be read each time is empty."""

    def fetch(self, path: str, target: Path) -> None:
        """Copy one to a new file."""

    def put(self, path: str, source: Path) -> None:
        """Copy a file to there."""


def files_at(uri: str) -> Files:
    """The files below a folder's or a bucket's address. Raises BackupError for another address."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return Folder(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        return Bucket(parts.netloc, parts.path.strip("/"))
    raise BackupError(
        f"{uri}: files of {parts.scheme}: cannot be copied",
        remedy="name the folder, or s3://BUCKET/PREFIX, where they are",
    )


class Folder:
    """A folder; SQLite databases in it are copied as such."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stamps(self) -> Iterator[tuple[str, int, str]]:
        """See :class:`Files`."""
        for file in sorted(self._root.rglob("*")):
            if file.is_file() and not file.name.endswith(_LOGS):
                found = file.stat()
                stamp = "" if _is_sqlite(file) else str(found.st_mtime_ns)
                yield file.relative_to(self._root).as_posix(), found.st_size, stamp

    def fetch(self, path: str, target: Path) -> None:
        """See :class:`Files`."""
        source = self._root / path
        if _is_sqlite(source):
            copy_sqlite(source, target)
        else:
            shutil.copyfile(source, target)

    def put(self, path: str, source: Path) -> None:
        """See :class:`Files`. Raises BackupError for a path that leads out of the folder."""
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise BackupError(
                f"{path}: leads out of {self._root}", remedy="don't use this backup: it was tampered with"
            )
        with atomic.new_file(self._root / path) as fresh:
            shutil.copyfile(source, fresh)


class Bucket:
    """Objects with a prefix; keys and endpoint come from the environment (``AWS_*``, ``MLFLOW_S3_ENDPOINT_URL``)."""

    def __init__(self, name: str, prefix: str) -> None:
        import boto3

        endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL")
        self._client: Any = boto3.client("s3", endpoint_url=endpoint)
        self._name, self._prefix = name, f"{prefix}/" if prefix else ""

    def stamps(self) -> Iterator[tuple[str, int, str]]:
        """See :class:`Files`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self._prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(self._prefix), int(found["Size"]), str(found["ETag"])

    def fetch(self, path: str, target: Path) -> None:
        """See :class:`Files`."""
        self._client.download_file(self._name, self._prefix + path, str(target))

    def put(self, path: str, source: Path) -> None:
        """See :class:`Files`."""
        self._client.upload_file(str(source), self._name, self._prefix + path)


def _is_sqlite(file: Path) -> bool:
    if file.suffix not in (".db", ".sqlite"):
        return False
    with file.open("rb") as stream:
        return stream.read(len(_SQLITE)) == _SQLITE

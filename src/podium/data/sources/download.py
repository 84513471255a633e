"""Fetching one file over HTTP so that an interrupted download goes on where it was."""

from __future__ import annotations

import fcntl
import os
import re
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

from podium.errors import DataError

Progress = Callable[[str, int, int], None]
_SECONDS: Final = 60
"""Without a byte from the server."""
_MOST_BYTES: Final = 4 * 1024**3
_BLOCK: Final = 1024 * 1024
_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(?:\d{1,15}|\*)")


def fetch(url: str, target: Path, check: Callable[[Path], None], progress: Progress | None = None) -> None:
    """Fetch a file; it gets its name only when it is complete and ``check`` has passed it.

    What came before an interruption is kept in ``NAME.part`` beside the target, and the next call asks the server for
    the rest (RFC 9110, section 14). A server that knows no ranges sends the whole file again. What was put together of
    two downloads and fails the check is fetched once more as a whole: the file may have changed in between.

    Args:
        url: http or https.
        target: File to write; an existing one is replaced.
        check: Raises DataError if a file is not the wanted one.
        progress: Told of bytes, and of how many.

    Raises:
        DataError: The server gives no such file, falls silent or ends too early, or ``check`` refused the file.
        OSError: The disk is full, or the folder cannot be written.
    """
    file_name(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as stream:
        if not _is_alone(stream, part):
            raise DataError(f"{part}: another download is writing there", remedy="wait until it is done")
        try:
            resumed = True
            while resumed:
                resumed = _rest(url, stream, progress)
                try:
                    check(part)
                    break
                except DataError:
                    stream.truncate(0)
                    if not resumed:
                        raise
            os.replace(part, target)
        except BaseException:
            if not stream.seek(0, os.SEEK_END):
                part.unlink(missing_ok=True)
            raise


def file_name(url: str) -> str:
    """Return the last part of an address (empty behind a slash). DataError if it is neither http nor https."""
    try:
        address = urlsplit(url)
        if address.scheme in ("http", "https"):
            return Path(address.path).name
    except ValueError:
        pass
    raise DataError(f"{url}: not an http or https address", remedy="name a local file as the source itself")


def _is_alone(stream: IO[bytes], part: Path) -> bool:
    """Lock the file; what was opened may meanwhile have got its final name from another process."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return part.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _rest(url: str, stream: IO[bytes], progress: Progress | None) -> bool:
    """Append what is missing. Returns whether something was there before."""
    have = stream.seek(0, os.SEEK_END)
    # Of an encoded transfer, positions would be those of the encoded bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_SECONDS)  # noqa: S310
    except (OSError, HTTPException, ValueError) as error:
        if have and isinstance(error, HTTPError) and error.code == 416:
            return True  # there is nothing behind these bytes: the check tells whether they are all
        raise _failure(url, error, stream) from None
    with response:
        _receive(url, response, have, stream, progress)
    return have > 0


def _receive(url: str, response: HTTPResponse, have: int, stream: IO[bytes], progress: Progress | None) -> None:
    if response.status == 206:
        span = _RANGE.match(response.headers.get("Content-Range", ""))
        if not span or int(span[1]) != have:
            stream.truncate(0)
            raise _failure(url, ValueError("it sends another part of the file than the one asked for"), stream)
    else:
        have = 0
        stream.truncate(0)
    length = response.length  # of what is to come; None where the server does not say how much
    total = have + (length or 0)
    if progress:
        progress("fetching bytes", have, total)
    done = have
    while True:
        try:
            block = response.read1(_BLOCK)
        except (OSError, HTTPException) as error:
            raise _failure(url, error, stream) from None
        if not block:
            break
        done += len(block)
        if max(done, total) > _MOST_BYTES:
            stream.truncate(0)
            raise DataError(f"{url}: more than {_MOST_BYTES:,} bytes", remedy="check the address")
        stream.write(block)
        if progress:
            progress("fetching bytes", done, max(done, total))
    stream.flush()
    if length is not None and done < total:
        raise _failure(url, ValueError(f"the connection ended after {done:,} of {total:,} bytes"), stream)


def _failure(url: str, error: Exception, stream: IO[bytes]) -> DataError:
    kept = stream.seek(0, os.SEEK_END)
    again = f"run the same command again to go on at byte {kept:,}; or " if kept else ""
    return DataError(
        f"{url}: cannot be fetched ({error})",
        remedy=f"{again}mend the connection or the address; or fetch the archive yourself and name the file",
    )

"""Tar archives read member by member: nothing is extracted, no name becomes a path, no size is believed."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from podium.errors import DataError

_HEADER: Final = 16 * 1024
"""Bytes of one header (a long name, extended attributes): reading one can take time that grows with its square."""
_HEADERS: Final = 256 * 1024
"""Bytes of all headers of one member."""
_STEP: Final = 1024 * 1024
_RATIO: Final = 100
"""How much larger than its file a compressed archive may get, beyond ``_FREE``: images hardly shrink."""
_FREE: Final = 64 * 1024 * 1024
_DAMAGE: Final = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive; ``offset`` counts uncompressed bytes."""

    name: str
    offset: int
    size: int
    is_file: bool
    is_folder: bool


@contextmanager
def open_archive(file: Path) -> Iterator[Archive]:
    """Open a ``.tar``, plain or compressed with gzip, whatever its suffix.

    Raises:
        DataError: No such file, no tar archive, cut off, damaged, or it gets absurdly large when decompressed; also
            while it is read.
    """
    try:
        with file.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if magic == b"\x1f\x8b":
                yield Archive(_Forward(raw, file.stat().st_size))
            else:
                yield Archive(raw)
    except _DAMAGE as error:
        missing = isinstance(error, OSError) and error.strerror
        reason = missing or str(error) or type(error).__name__
        raise DataError(
            f"{file}: cannot be read as a tar archive ({reason})",
            remedy="give an intact .tar or .tar.gz, or fetch the file again",
        ) from None


class Archive:
    """Members in the order of the file, and the bytes at any place behind the last that was read."""

    def __init__(self, stream: BinaryIO | _Forward) -> None:
        self._stream = _Guarded(stream)

    def members(self) -> Iterator[Member]:
        """Yield all entries; ``read`` may be called in between, for what was yielded last."""
        with tarfile.open(fileobj=cast("BinaryIO", self._stream), mode="r:", tarinfo=_Header) as tar:
            offset = -1
            while (info := tar.next()) is not None:
                if info.size < 0 or tar.offset <= offset:
                    raise tarfile.ReadError("a member of negative size")
                offset = tar.offset
                self._stream.left = _HEADERS
                plain = info.isreg() and not info.issparse()
                yield Member(info.name, info.offset_data, info.size, plain, info.isdir())
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
        self._check_end()

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes at ``offset``; the caller has compared the size with a bound."""
        self._stream.seek(offset)
        content = self._stream.read_data(size)
        if len(content) != size:
            raise tarfile.ReadError("unexpected end of data")
        return content

    def _check_end(self) -> None:
        """``tarfile`` ends silently at what is no header: make sure that it was the end."""
        last = self._stream.last
        if not last:
            raise tarfile.ReadError("it ends without an end mark: it was cut off")
        if len(last) != tarfile.BLOCKSIZE or any(last):
            raise tarfile.ReadError("damaged behind the last member that can be read")
        while block := self._stream.read_data(_STEP):
            if block.count(0) != len(block):
                raise tarfile.ReadError("data stand behind the end mark; were archives joined?")


class _Header(tarfile.TarInfo):
    """Reads name and size of an ordinary file only, in half the time; anything else is left to ``tarfile``."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) == tarfile.BLOCKSIZE and buf[156] == ord("0") and buf[124] < 0x80 and buf[257:262] == b"ustar":
            size, checksum = bytes(buf[124:136]).strip(b" \0"), bytes(buf[148:156]).strip(b" \0")
            plain = (
                size.isdigit() and checksum.isdigit() and b"8" not in size + checksum and b"9" not in size + checksum
            )
            if plain and int(checksum, 8) == sum(buf) - sum(buf[148:156]) + 8 * ord(" "):
                info = cls(_text(buf[:100], encoding, errors))
                if prefix := _text(buf[345:500], encoding, errors):
                    info.name = f"{prefix}/{info.name}"
                info.size = int(size, 8)
                return info
        return super().frombuf(buf, encoding, errors)


def _text(field: bytes | bytearray, encoding: str, errors: str) -> str:
    return bytes(field).partition(b"\0")[0].decode(encoding, errors)


class _Guarded:
    """The stream that ``tarfile`` sees: reads of headers only, none of them large; remembers the last one."""

    def __init__(self, stream: BinaryIO | _Forward) -> None:
        self._stream = stream
        self.last = b""
        self.left = _HEADERS

    def read(self, size: int = -1) -> bytes:
        self.left -= size
        if not 0 <= size <= _HEADER or self.left < 0:
            raise tarfile.ReadError("a header of absurd size")
        self.last = self._stream.read(size)
        return self.last

    def read_data(self, size: int) -> bytes:
        return self._stream.read(size)

    def seek(self, offset: int) -> int:
        return self._stream.seek(offset)

    def tell(self) -> int:
        return self._stream.tell()


class _Forward:
    """A gzip stream that only goes forward, and one byte back (``tarfile`` looks at the last byte that it skips)."""

    def __init__(self, raw: BinaryIO, size: int) -> None:
        self._stream = gzip.GzipFile(fileobj=raw)
        self._most = _FREE + _RATIO * size
        self._last = b""
        self._back = b""

    def read(self, size: int) -> bytes:
        head, self._back = self._back[:size], self._back[size:]
        content = head
        if size > len(head):
            content = head + self._stream.read(size - len(head))
        self._last = content[-1:] or self._last
        if self._stream.tell() > self._most:
            raise tarfile.ReadError(f"more than {self._most:,} bytes when decompressed: a decompression bomb?")
        return content

    def seek(self, offset: int) -> int:
        if offset == self.tell() - 1 and self._last and not self._back:
            self._back = self._last
        if offset < self.tell():
            raise tarfile.ReadError("members are not in order")
        while offset > self.tell() and self.read(min(_STEP, offset - self.tell())):
            pass
        return offset

    def tell(self) -> int:
        return self._stream.tell() - len(self._back)

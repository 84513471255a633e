"""Decoded images on disk while an import runs, with a journal: a killed import goes on where it was.

Four files: ``pixels`` (uint8 n×H×W×3 of the images that could be decoded), ``records`` (one ``RECORD`` a row of the
source), ``bad.jsonl`` (one line a row that could not be decoded), and ``journal.jsonl``. A line of the journal counts
what of the others is complete; it is written last, and what goes beyond it is cut off when an import resumes. None of
them is held in memory.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.duplicates import Digests, digest_array
from podium.data.near import SIZE, Descriptors, describe
from podium.data.rows import FileRows, Indices, read_rows

RECORD: Final = np.dtype(
    [("good", "u1"), ("kind", "u1"), ("orientation", "u1"), ("width", "<i4"), ("height", "<i4"), ("digest", "<u8", 2)]
)
"""27 bytes a row: whether it was decoded (0, 1, or ``DIM``), mode and format (an index), EXIF orientation, size, digest
of the pixels."""
DIM: Final = 2
"""Decoded, from 16-bit values that use less than a sixteenth of their range."""
_BLOCK_BYTES: Final = 8 * 1024 * 1024
_BLOCK_RECORDS: Final = 65_536
Kind = tuple[str, str]
"""Mode and format of a file, as Pillow calls them."""


@dataclass(frozen=True)
class Decoded:
    """Some rows of a source, in order."""

    images: NDArray[np.uint8]
    """Of the good ones: uint8, n×H×W×3."""
    records: NDArray[np.void]
    """``RECORD`` of every row; ``kind`` is an index into ``kinds``."""
    kinds: list[Kind]
    bad: list[tuple[int, str]]
    """Of the others: the place among these rows, and the reason."""
    descriptors: Descriptors | None = None
    """Of the good ones, if they are wanted."""


@dataclass
class Staging:
    """What is decoded so far: ``done`` rows of the source."""

    folder: Path
    size: tuple[int, int]
    """Height and width."""
    done: int = 0
    kept: int = 0
    kinds: list[Kind] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Row and reason."""
    descriptors: FileRows | None = None
    """Of the images (n×184), to find near duplicates; None if they are not wanted. Made anew when an import resumes."""

    @classmethod
    def resume(cls, folder: Path, key: str, rows: int, *, described: bool) -> Staging | None:
        """Open what an import with the same key left behind; None if there is nothing, or it is not intact."""
        try:
            lines = (folder / "journal.jsonl").read_bytes().split(b"\n")[:-1]  # the last one may be half a line
            head, last = json.loads(lines[0]), json.loads(lines[-1])
            if head["key"] != key:
                return None
            staging = cls(folder, tuple(head["size"]))
            staging.descriptors = FileRows(rows, SIZE, folder) if described else None
            if len(lines) > 1:
                staging._restore(last)
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return staging if staging._is_intact() else None

    @classmethod
    def start(cls, folder: Path, key: str, rows: int, size: tuple[int, int], *, described: bool) -> Staging:
        """Begin afresh; removes what is in the folder."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("pixels", "records", "bad.jsonl"):
            (folder / name).touch()
        (folder / "journal.jsonl").write_text(json.dumps({"key": key, "size": size}) + "\n")
        return cls(folder, size, descriptors=FileRows(rows, SIZE, folder) if described else None)

    def append(self, block: Decoded) -> None:
        """Add the next rows. Raises OSError where the disk is full."""
        places = [self._place(kind) for kind in block.kinds]
        records = block.records
        records["kind"] = np.asarray(places or [0], np.uint8)[records["kind"]]
        bad = [(self.done + place, reason) for place, reason in block.bad]
        self._write("pixels", np.ascontiguousarray(block.images).data)
        self._write("records", records.tobytes())
        self._write("bad.jsonl", "".join(json.dumps(line) + "\n" for line in bad).encode())
        if self.descriptors is not None and block.descriptors is not None:
            self.descriptors.write(self.kept, block.descriptors)
        self.bad += bad
        self.done += len(records)
        self.kept += len(block.images)
        line = {"done": self.done, "kept": self.kept, "bad": len(self.bad), "kinds": self.kinds}
        self._write("journal.jsonl", (json.dumps(line) + "\n").encode())

    def good_rows(self) -> NDArray[np.int32]:
        """Row in the source of every image that is kept: int32, n."""
        return np.flatnonzero(self._column("good")).astype(np.int32)

    def dim_rows(self) -> NDArray[np.int64]:
        """Row in the source of every image whose 16-bit values use little of their range: int64."""
        return np.flatnonzero(self._column("good") == DIM)

    def digests(self) -> Digests:
        """Of the images that are kept: uint64, n×2."""
        found = np.empty((self.kept, 2), np.uint64)
        start = 0
        for block in self._record_blocks():
            own = block["digest"][block["good"] > 0]
            found[start : start + len(own)] = own
            start += len(own)
        return found

    def records(self, rows: NDArray[np.int32]) -> NDArray[np.void]:
        """The records of some rows (ascending)."""
        first, stop = int(rows[0]), int(rows[-1]) + 1
        mapped = np.memmap(self.folder / "records", RECORD, "r", offset=first * RECORD.itemsize, shape=(stop - first,))
        return np.asarray(mapped[rows - first])

    def _column(self, name: str) -> NDArray[np.uint8]:
        """A field of one byte of every row."""
        found = np.empty(self.done, np.uint8)
        for start, block in zip(range(0, self.done, _BLOCK_RECORDS), self._record_blocks(), strict=True):
            found[start : start + len(block)] = block[name]
        return found

    def _record_blocks(self) -> Iterator[NDArray[np.void]]:
        with (self.folder / "records").open("rb") as stream:
            for start in range(0, self.done, _BLOCK_RECORDS):
                yield np.fromfile(stream, RECORD, min(_BLOCK_RECORDS, self.done - start))

    def blocks(self, images: Indices) -> Iterator[tuple[Indices, NDArray[np.uint8]]]:
        """Yield the images of these numbers (ascending, counted among the good) block by block, with the numbers.

        A block is valid until the next but one, so that one may be used while the next is read.
        """
        step = max(1, _BLOCK_BYTES // (self.size[0] * self.size[1] * 3))
        buffers = [np.empty((min(step, len(images)), *self.size, 3), np.uint8) for _ in range(2)]
        with (self.folder / "pixels").open("rb") as stream:
            for start in range(0, len(images), step):
                part = images[start : start + step]
                buffer = buffers[start // step % 2][: len(part)]
                read_rows(stream.fileno(), 0, part, buffer)
                yield part, buffer

    def _place(self, kind: Kind) -> int:
        if kind not in self.kinds:
            self.kinds.append(kind)
        return self.kinds.index(kind)

    def _write(self, name: str, content: bytes | memoryview) -> None:
        with (self.folder / name).open("ab", buffering=0) as stream:
            view = memoryview(content).cast("B") if len(content) else memoryview(b"")
            while len(view):
                view = view[stream.write(view) :]

    def _restore(self, last: dict[str, Any]) -> None:
        """Fill in what the journal's last line counts and cut off the rest."""
        self.done, self.kept = int(last["done"]), int(last["kept"])
        self.kinds = [(mode, kind) for mode, kind in last["kinds"]]
        lines = (self.folder / "bad.jsonl").read_bytes().splitlines(keepends=True)[: last["bad"]]
        self.bad = [(int(row), str(reason)) for row, reason in map(json.loads, lines)]
        journal = b"\n".join((self.folder / "journal.jsonl").read_bytes().split(b"\n")[:-1]) + b"\n"
        for name, length in (
            ("pixels", self.kept * self.size[0] * self.size[1] * 3),
            ("records", self.done * RECORD.itemsize),
            ("bad.jsonl", sum(map(len, lines))),
            ("journal.jsonl", len(journal)),
        ):
            if (self.folder / name).stat().st_size < length:
                raise ValueError(f"{name} is too short")
            os.truncate(self.folder / name, length)

    def _is_intact(self) -> bool:
        """Compare the pixels with their digests (after a power failure a file may have its length and be empty)."""
        good = int(np.count_nonzero(self._column("good")))
        if good != self.kept or self.done - good != len(self.bad):
            return False
        digests = self.digests()
        for numbers, images in self.blocks(np.arange(self.kept)):
            if not (digest_array(images) == digests[numbers]).all():
                return False
            if self.descriptors is not None:
                self.descriptors.write(int(numbers[0]), describe(images))
        return True

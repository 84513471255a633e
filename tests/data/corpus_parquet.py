"""Parquet files: rows without bytes or labels, columns of other types, damaged files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from podium.data.importing import Listing
from podium.data.sources import list_parquet
from tests.data import made
from tests.data.corpus import GOOD, Fault, Outcome
from tests.data.source_made import encode, pictures

Change = Callable[[bytes], bytes]


def fault(
    kind: str, outcome: Outcome, says: str, *, content: bytes | None = b"", label: int | None = 1,
    names: tuple[str, ...] | None = made.NAMES, change: Change | None = None, extra: bool = True,
) -> Fault:  # fmt: skip
    """Thirty good rows and one more; the file's bytes may be changed."""

    def make(root: Path) -> Callable[[], Listing]:
        images: list[bytes | None] = [encode(image) for image in pictures(GOOD)]
        labels: list[int | None] = [i % 2 for i in range(GOOD)]
        if extra:
            images, labels = [*images, content], [*labels, label]
        file = made.write(root / "a.parquet", images, labels, names=names)
        if change:
            file.write_bytes(change(file.read_bytes()))
        return lambda: list_parquet([file])

    return Fault(kind, "parquet", outcome, says, make)


def columns(kind: str, says: str, **given: list[object]) -> Fault:
    def make(root: Path) -> Callable[[], Listing]:
        pq.write_table(pa.table(given), root / "a.parquet")
        return lambda: list_parquet([root / "a.parquet"])

    return Fault(kind, "parquet", "refused", says, make)


BYTES = [encode(image) for image in pictures(GOOD)]
LABELS = [i % 2 for i in range(GOOD)]


def spoil(content: bytes) -> bytes:
    """Change bytes of the first pages; the footer is intact."""
    return content[:200] + bytes(byte ^ 0xFF for byte in content[200:600]) + content[600:]


FAULTS = (
    fault("row without bytes", "bad", "no image bytes", content=None),
    fault("row of no bytes", "bad", "cannot be decoded", content=b""),
    fault("row that is no image", "bad", "no image of a known format", content=b"text"),
    fault("row that is cut off", "bad", "cannot be decoded", content=BYTES[0][:80]),
    fault("row without a label", "refused", "no label", content=BYTES[0], label=None),
    fault("label out of range", "refused", "label 2 is out of range", content=BYTES[0], label=2),
    fault("negative label", "refused", "label -1 is out of range", content=BYTES[0], label=-1),
    fault("label of 3,000,000,000, no classes named", "refused", "cannot be right", label=3_000_000_000, names=None),
    fault("class named twice", "refused", "'cat' stands twice", names=("cat", "cat"), extra=False),
    fault("one class alone", "refused", "1 class;", names=("cat",), extra=False),
    fault("file cut off", "refused", "cannot be read as parquet", change=lambda c: c[:-100], extra=False),
    fault("text named .parquet", "refused", "cannot be read as parquet", change=lambda c: b"text" * 99, extra=False),
    fault("spoiled bytes within", "refused", "cannot be read as parquet", change=spoil, extra=False),
    columns("paths in place of bytes", "no image column", image=[f"{i}.png" for i in range(GOOD)], label=LABELS),
    columns("labels as names", "no label column", image=BYTES, label=["cat", "dog"] * (GOOD // 2)),
    columns("floating-point labels", "no label column", image=BYTES, label=[0.0, 1.0] * (GOOD // 2)),
    columns("no labels", "no label column", image=BYTES),
    columns("no rows", "no image column", image=[], label=[]),
)

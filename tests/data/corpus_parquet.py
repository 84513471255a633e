"""Parquet files: rows without bytes or labels, columns of other types, damaged files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from podium.data import Dataset
from podium.data.importing import Listing
from podium.data.sources import list_parquet
from podium.data.sources.split_files import PARQUET, sort_by_name
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


def columns(
    kind: str, says: str, outcome: Outcome = "refused", check: Callable[[Dataset], None] | None = None, **given: object
) -> Fault:
    def make(root: Path) -> Callable[[], Listing]:
        pq.write_table(pa.table(given), root / "a.parquet")
        return lambda: list_parquet([root / "a.parquet"])

    return Fault(kind, "parquet", outcome, says, make, check=check)


def files(
    kind: str, outcome: Outcome, says: str, *names: str, given: str = "", spoil: str = "", good: int = 0
) -> Fault:
    """Files of 30 rows; their folder is given by itself, or for one split. The labels of one are text."""

    def make(root: Path) -> Callable[[], Listing]:
        for name in names:
            (root / name).parent.mkdir(exist_ok=True)
            labels = [f"{label}" for label in LABELS] if name == spoil else LABELS
            pq.write_table(pa.table({"image": BYTES, "label": labels}), root / name)
        if given:
            return lambda: list_parquet(**{given: [root]})  # type: ignore[arg-type]
        return lambda: list_parquet(**sort_by_name([root], PARQUET))

    return Fault(kind, "parquet", outcome, says, make, good)


def cats_and_dogs(dataset: Dataset) -> None:
    assert dataset.manifest.class_names == ("cat", "dog")
    assert all(info.per_class[0] == info.per_class[1] for info in dataset.manifest.splits.values())


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
    columns(
        "paths beside a column of bytes",
        "'image' holds string, which is no encoded image",
        image=[f"{i}.png" for i in range(GOOD)],
        mask=BYTES,
        label=LABELS,
    ),
    columns(
        "labels as names", "classes by name", "imported", cats_and_dogs, image=BYTES, label=["cat", "dog"] * (GOOD // 2)
    ),
    columns(
        "labels as names beside whole numbers",
        "classes by name",
        "imported",
        cats_and_dogs,
        image=BYTES,
        width=[16] * GOOD,
        label=["cat", "dog"] * (GOOD // 2),
    ),
    columns(
        "label as a name without a letter",
        "row 29, column 'label': no label",
        image=BYTES,
        label=["cat"] * 15 + ["dog"] * 14 + [" "],
    ),
    columns("floating-point labels", "no label column", image=BYTES, label=[0.0, 1.0] * (GOOD // 2)),
    columns(
        "floating-point labels beside whole numbers",
        "'label' holds double, which is no class number or name",
        image=BYTES,
        width=[16, 17] * (GOOD // 2),
        label=[0.0, 1.0] * (GOOD // 2),
    ),
    columns(
        "several columns that may be labels",
        "several that could be one: 'width', 'breed'",
        image=BYTES,
        width=[16] * GOOD,
        breed=LABELS,
    ),
    columns(
        "one column of whole numbers, of another name",
        "all images, the column is told",
        "imported",
        image=BYTES,
        breed=LABELS,
    ),
    columns("no labels", "no label column", image=BYTES),
    columns("no rows", "no image column", image=[], label=[]),
    files(
        "labels as names in one file, numbers in another",
        "refused",
        "are names, those of",
        "train-0.parquet",
        "train-1.parquet",
        spoil="train-1.parquet",
    ),
    files(
        "folder of train and test files",
        "imported",
        "each file in its split",
        "train-00000-of-00001.parquet",
        "test-00000-of-00001.parquet",
        good=2 * GOOD,
    ),
    files(
        "folder of train and test files, given as train",
        "refused",
        "in it is named for test",
        "train-00000-of-00001.parquet",
        "test-00000-of-00001.parquet",
        given="train",
    ),
    files(
        "file of no split among such of splits",
        "refused",
        "does not say of which split",
        "train-0.parquet",
        "extra-0.parquet",
    ),
    files("test file alone", "refused", "no file is named for the train split", "test-0.parquet"),
    files(
        "folders of several data sets",
        "refused",
        "several folders with .parquet files",
        "fine/train.parquet",
        "coarse/train.parquet",
    ),
)

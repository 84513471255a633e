"""Parquet files in the Hugging Face layout, made on the spot."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

NAMES = ("cat", "dog")


def png(image: np.ndarray | Image.Image) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, "PNG")
    return buffer.getvalue()


def noise(count: int, *, side: int = 6, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [png(image) for image in rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)]


def write(
    file: Path,
    images: list[bytes | None],
    labels: list[int | None] | None = None,
    *,
    column: str = "img",
    label_column: str = "label",
    names: tuple[str, ...] | None = NAMES,
) -> Path:
    labels = [i % 2 for i in range(len(images))] if labels is None else labels
    rows = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(images)]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(column, struct), (label_column, pa.int64())])
    if names:
        features = {label_column: {"names": list(names), "_type": "ClassLabel"}}
        schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(pa.table({column: rows, label_column: labels}, schema=schema), file, row_group_size=7)
    return file

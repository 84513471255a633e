"""Imports of what Pillow decodes: with threads alone, and with a decoding process a core.

    python benchmarks/decoding.py --work FOLDER            (about two minutes)

Writes the CIFAR-10 training images of ../shared/data again in other formats, enlarged for some, as parquet files in
FOLDER. Each is imported by `podium data import parquet` in a process of its own, both ways in turn; seconds are those
of the whole command, which also searches near-duplicates. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

from podium.training.hardware import describe_hardware

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CASES = (("PNG", 32, 50_000, []), ("WEBP", 32, 20_000, []), ("PNG", 64, 20_000, []), ("JPEG", 256, 10_000, ["64"]))
COMMAND = """
from podium.data.importing import helpers
from podium.cli import main
helpers.ENOUGH = {enough}
main()
"""


def write(file: Path, kind: str, side: int, count: int) -> None:
    """Write images in a format, unless the file is there."""
    if file.exists():
        return
    table = pq.read_table(SHARED / "cifar10-train.parquet", columns=["img", "label"]).slice(0, count)
    rows = [{"bytes": encode(row["bytes"], kind, side)} for row in table.column("img").to_pylist()]
    pq.write_table(pa.table({"img": rows, "label": table.column("label")}), file, row_group_size=1000)


def encode(content: bytes, kind: str, side: int) -> bytes:
    """A JPEG in another format and size."""
    image, buffer = Image.fromarray(np.asarray(simplejpeg.decode_jpeg(content))), io.BytesIO()
    image.resize((side, side), Image.Resampling.BICUBIC).save(buffer, kind, quality=90)
    return buffer.getvalue()


def run(file: Path, size: list[str], enough: int) -> float:
    """Seconds of an import."""
    target = file.parent / "data"
    options = ["--target", str(target), *(["--size", *size] if size else [])]
    command = [sys.executable, "-c", COMMAND.format(enough=enough), "data", "import", "parquet", str(file), *options]
    start = time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PODIUM_ROOT": str(file.parent)}
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stderr)
    shutil.rmtree(target)
    return seconds


def main() -> None:
    """Make, import, print."""
    from podium.data.importing import helpers

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    files = [arguments.work / f"{kind}-{side}-{count}.parquet" for kind, side, count, _ in CASES]
    for file, (kind, side, count, _) in zip(files, CASES, strict=True):
        write(file, kind, side, count)
    print(f"{describe_hardware()}; {arguments.repeats} runs each, in turn\n")
    print("| images | threads, s | processes, s |\n|---|---|---|")
    for file, (kind, side, count, size) in zip(files, CASES, strict=True):
        pairs = [[run(file, size, enough) for enough in (1 << 60, helpers.ENOUGH)] for _ in range(arguments.repeats)]
        threads, processes = (", ".join(f"{value:.1f}" for value in sorted(side)) for side in zip(*pairs, strict=True))
        to = f" to {size[0]}×{size[0]}" if size else ""
        print(f"| {count:,} {kind}, {side}×{side}{to} | {threads} | {processes} |", flush=True)


if __name__ == "__main__":
    main()

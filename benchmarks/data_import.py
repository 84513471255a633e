"""Import: images a second and peak memory, as the data set grows.

    python benchmarks/data_import.py --work FOLDER [20000 100000 1000000] [--splits drawn|given] [--keep FOLDER]

Makes parquet shards of 64×64 JPEGs (quality 85, 4:2:0) in FOLDER: each is a blend of random crops of two photographs of
../shared/data, so that they compress as photographs do and no two are alike. Each count is then imported by `podium
data import parquet` in a process of its own; seconds are those of the whole command. Peak memory is VmHWM: file-mapped
pages count; the anonymous part does not have them. The first rows are the CIFAR-10 images of ../shared/data at 32×32
(its test file serves as validation as well where that is given). CPU seconds tell what a machine with nothing else to
do would take. Prints Markdown. 1,000,000 images need 30 GB of disk. --keep leaves the made data sets in FOLDER, where
validation_memory.py takes them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from peak import PODIUM, peaks  # beside this script
from PIL import Image

from podium.training.hardware import describe_hardware

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SHARD = 10_000
SIDE = 64


def make_shard(file: Path, seed: int, count: int) -> None:
    """Write one shard of made images, unless it is there; the same bytes for the same seed."""
    if file.exists():
        return
    rng = np.random.default_rng(seed)
    table = pq.read_table(SHARED / "cifar10-train.parquet", columns=["img"])
    photographs = [simplejpeg.decode_jpeg(row["bytes"]) for row in table.column(0).slice(0, 10_000).to_pylist()]
    noise = rng.normal(0, 5, (2 * SIDE, 2 * SIDE, 3))  # of a camera; enlarged images have no detail of their own
    rows, labels = [], rng.integers(0, 10, count)
    for _ in range(count):
        one, other = (crop(photographs[rng.integers(len(photographs))], rng) for _ in range(2))
        top, left = rng.integers(0, SIDE, 2)
        grain = noise[top : top + SIDE, left : left + SIDE] + rng.integers(-20, 20)
        pixels = (one * rng.uniform(0.55, 0.7) + other * 0.4 + grain).clip(0, 255).astype(np.uint8)
        rows.append({"bytes": simplejpeg.encode_jpeg(pixels, 85, colorsubsampling="420"), "path": None})
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("img", struct), ("label", pa.int64())])
    pq.write_table(pa.table({"img": rows, "label": labels}, schema=schema), file, row_group_size=1000)


def crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random square of 20 to 32 pixels, enlarged; mirrored half of the time."""
    side = int(rng.integers(20, 33))
    top, left = rng.integers(0, 33 - side, 2)
    part = Image.fromarray(image[top : top + side, left : left + side]).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(part)[:, :: rng.choice([1, -1])]


def run(arguments: list[str], target: Path, keep: Path | None = None) -> tuple[float, float, float, float]:
    """Import into ``target``: seconds, CPU seconds of all cores, and MiB of peak memory: all, and anonymous.

    The data set is moved to ``keep``, or removed.
    """
    command = [sys.executable, "-c", PODIUM, "data", "import", "parquet", "--target", str(target), *arguments]
    environment = {**os.environ, "PODIUM_ROOT": str(target.parent)}
    start, before = time.perf_counter(), cpu_seconds()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - before
    if done.returncode:
        sys.exit(done.stderr)
    if keep:
        keep.parent.mkdir(parents=True, exist_ok=True)
        target.rename(keep)
    else:
        shutil.rmtree(target)
    return seconds, cpu, *peaks(done.stderr)


def cpu_seconds() -> float:
    """Of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Make, import, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[40_000, 100_000])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--splits", choices=("drawn", "given"), default="drawn")
    parser.add_argument("--keep", type=Path, help="on the same file system as --work")
    parser.add_argument("--repeats", type=int, default=3, help="of the CIFAR-10 rows")
    arguments = parser.parse_args()
    if arguments.splits == "given" and min(arguments.counts) <= 2 * SHARD:
        parser.error(f"--splits given takes a shard of {SHARD:,} for each split: give more than {2 * SHARD:,} images")
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"{describe_hardware()}; the best of {arguments.repeats} for CIFAR-10\n")
    print(
        "| images | size | validation and test | seconds | CPU seconds | images/s | peak memory, MiB | anonymous |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    train, test = str(SHARED / "cifar10-train.parquet"), str(SHARED / "cifar10-test.parquet")
    copy = shutil.copy(test, arguments.work / "validation.parquet")  # the same file for two splits is refused
    for count, splits, options in (
        (60_000, "given", ["--train", train, "--validation", str(copy), "--test", test]),
        (55_000, "validation drawn", ["--train", train, "--test", test]),
    ):
        tell(count, 32, splits, *min(run(options, arguments.work / "data") for _ in range(arguments.repeats)))
    for count in arguments.counts:
        sizes = [min(SHARD, count - start) for start in range(0, count, SHARD)]
        shards = [(arguments.work / f"shard-{i:05}-{size}.parquet", i, size) for i, size in enumerate(sizes)]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(make_shard, *zip(*shards, strict=True)))
        files = [str(file) for file, _, _ in shards]
        options = [word for file in files for word in ("--train", file)]
        if arguments.splits == "given":
            options = ["--validation", files[0], "--test", files[1], *options[4:]]
        keep = arguments.keep / str(count) if arguments.keep else None
        tell(count, SIDE, arguments.splits, *run(options, arguments.work / "data", keep))


def tell(count: int, side: int, splits: str, seconds: float, cpu: float, memory: float, anonymous: float) -> None:
    """Print one row."""
    figures = f"{seconds:.1f} | {cpu:.1f} | {count / seconds:,.0f} | {memory:.0f} | {anonymous:.0f}"
    print(f"| {count:,} | {side}×{side} | {splits} | {figures} |", flush=True)


if __name__ == "__main__":
    main()

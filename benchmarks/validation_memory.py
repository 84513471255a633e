"""Validation: seconds and peak memory, as the data set grows.

    python benchmarks/validation_memory.py --work FOLDER 100000 200000 1000000

Makes data sets of 64×64 images in FOLDER (12 GB for 1,000,000; one that is there is taken as it is): each image is a
blend of random crops of two photographs of ../shared/data with grain, so that no two are alike. Nine tenths are train.
Each is then validated against the suite `default` by `podium validate` in a process of its own: seconds are those of
the whole command, which first compares every byte with the record (`verify`), and of the validation in it. Peak memory
is VmHWM: file-mapped pages count; the anonymous part does not have them. The row of no images is what the command's
imports take. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from peak import PODIUM, peaks  # beside this script

from podium.data.items import Items, default_items
from podium.data.writing import Streamed, write_dataset

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
SIDE, CROP, BLOCK = 64, 28, 1000
IMPORTS = """
import great_expectations, numpy, sys
import podium.models.contracts, podium.models.recipes, podium.validation.judge, podium.validation.measures
from podium.validation import load_suite
from podium.validation.judge import build
from pathlib import Path
build(load_suite("default", Path(".")))
with open("/proc/self/status") as status:
    found = dict(line.split()[:2] for line in status if line.startswith(("VmHWM", "RssAnon")))
print(found["VmHWM:"], found["RssAnon:"])
"""


def synthetic(folder: Path, count: int) -> Path:
    """Write a data set of so many images, unless it is there; the same for the same count."""
    target = folder / str(count)
    if not target.is_dir():
        photographs = _photographs()
        sizes = {"train": count - 2 * (count // 20), "validation": count // 20, "test": count // 20}
        splits = {}
        for seed, (name, size) in enumerate(sizes.items()):
            labels = np.random.default_rng(seed).integers(0, 10, size)
            splits[name] = Streamed(labels, (SIDE, SIDE), lambda s=seed, n=name, z=size: _blocks(photographs, s, n, z))
        write_dataset(target, splits, name="blends", class_names="abcdefghij", source="made", licence="CC0-1.0")
    return target


def _photographs() -> np.ndarray:
    """10,000 images of CIFAR-10."""
    import pyarrow.parquet as pq
    import simplejpeg

    table = pq.read_table(SHARED / "cifar10-train.parquet", columns=["img"])
    return np.stack([simplejpeg.decode_jpeg(row["bytes"]) for row in table.column(0).slice(0, 10_000).to_pylist()])


def _blocks(photographs: np.ndarray, seed: int, split: str, size: int) -> Iterator[tuple[np.ndarray, Items]]:
    def work(start: int) -> np.ndarray:
        return blend(photographs, np.random.default_rng([seed, start]), min(BLOCK, size - start))

    threads = os.cpu_count() or 1
    starts = range(0, size, BLOCK)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(starts), 2 * threads):
            some = starts[first : first + 2 * threads]
            for start, block in zip(some, pool.map(work, some), strict=True):
                yield block, default_items(split, start, len(block), (SIDE, SIDE))


def blend(photographs: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Crops of two photographs each, mirrored half of the time, enlarged, mixed, with grain: uint8, N×64×64×3."""
    windows = sliding_window_view(photographs, (CROP, CROP), axis=(1, 2))  # N×5×5×3×28×28
    place = np.clip((np.arange(SIDE) + 0.5) * CROP / SIDE - 0.5, 0, CROP - 1)
    enlarge = np.clip(1 - np.abs(np.arange(CROP)[None] - place[:, None]), 0, None).astype(np.float32)
    mixed = np.zeros((count, 3, SIDE, SIDE), np.float32)
    for low, high in ((0.55, 0.7), (0.4, 0.4)):
        top, left = rng.integers(0, windows.shape[1], (2, count))
        crops = windows[rng.integers(0, len(photographs), count), top, left].astype(np.float32)
        mirrored = rng.random(count) < 0.5
        crops[mirrored] = crops[mirrored, ..., ::-1]
        mixed += rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32) * (enlarge @ crops @ enlarge.T)
    mixed += rng.normal(0, 5, (1, 3, SIDE, SIDE)).astype(np.float32) + rng.uniform(-20, 20, (count, 1, 1, 1))
    return np.ascontiguousarray(mixed.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def validate(dataset: Path, work: Path) -> tuple[float, dict[str, float], tuple[float, float]]:
    """Seconds of the command, seconds of its parts (``all``: of the validation), and MiB of memory (see ``peaks``)."""
    out = work / "report.json"
    command = [sys.executable, "-c", PODIUM, "validate", "--data", str(dataset), "--suite", "default"]
    environment = {**os.environ, "PODIUM_ROOT": str(ROOT)}
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(out)], check=False, capture_output=True, text=True, env=environment, cwd=ROOT
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 3):
        sys.exit(done.stderr)
    report = json.loads(out.read_text())
    return seconds, {**report["part_seconds"], "all": report["seconds"]}, peaks(done.stderr)


def main() -> None:
    """Make, validate, print."""
    from podium.training.hardware import describe_hardware

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[50_000, 100_000])
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"{describe_hardware()}\n")
    print("| images | seconds | of them validation | copies | label noise | peak memory, MiB | of it anonymous |")
    print("|---|---|---|---|---|---|---|")
    done = subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True, cwd=ROOT)
    print("| 0 | | | | | {:,.0f} | {:,.0f} |".format(*peaks(done.stdout)))
    for count in arguments.counts:
        seconds, parts, (memory, anonymous) = validate(synthetic(arguments.work, count), arguments.work)
        figures = [f"{value:,.1f}" for value in (seconds, parts["all"], parts["copies"], parts["label_noise"])]
        print(f"| {count:,} | {' | '.join(figures)} | {memory:,.0f} | {anonymous:,.0f} |", flush=True)


if __name__ == "__main__":
    main()

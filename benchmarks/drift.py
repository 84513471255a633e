"""Drift: how often are the tests wrong when nothing drifted, and how often do they find what did?

    python benchmarks/drift.py --data ../shared/data [--draws 200] [--power-draws 100] [--workers 2]

Champions (``simple_cnn``) are trained here: on 10,000 CIFAR-10 images, and on the train split of the digits. All draws
are from images that they have not seen. Pixel statistics and features of a pool of images, and of its drifted copies,
are computed once; a draw picks reference and current images without overlap and runs the very tests of ``podium drift``
with its defaults. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: each worker has one core

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import stats

from podium.bundle import Bundle
from podium.config import Candidate, ModelConfig, RecipeConfig, TrainerConfig
from podium.data import Dataset, open_dataset, write_dataset
from podium.data.duplicates import group_identical
from podium.data.images import decode_native
from podium.data.sources import import_digits
from podium.drift import DriftConfig, run_tests
from podium.drift.classes import class_table
from podium.drift.features import Extracted, FeatureSource, backbone_features, champion_features
from podium.drift.pixels import pixel_statistics
from podium.models import EMBEDDED_WEIGHTS
from podium.models.contracts import contract_for
from podium.training import train
from podium.training.hardware import describe_hardware

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
CONFIG = DriftConfig()


@dataclass(frozen=True)
class Measured:
    """A pool of images and what the tests need of them: pixel statistics and features of every version."""

    labels: Labels
    groups: NDArray[np.int64]
    pixels: dict[str, dict[str, NDArray[np.float64]]]
    seen: dict[str, Extracted]


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    title: str
    pool: str
    size: int
    """Images a side."""
    draw: str = "plain"
    version: str = "as it is"
    drop: bool = False
    """One class is missing on the current side, another one each draw."""
    labelled: bool = True


POOLS: dict[str, Measured] = {}


def brightness(images: Images) -> Images:
    """All values times 0.8."""
    return (images * 0.8).round().astype(np.uint8)


def blur(images: Images) -> Images:
    """Gaussian, standard deviation of 1 pixel."""
    return _each(images, lambda image: image.filter(ImageFilter.GaussianBlur(1)))


def jpeg(images: Images) -> Images:
    """Encoded as JPEG of quality 50 and decoded (the CIFAR-10 images here were of quality 75 before)."""

    def again(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=50)
        return Image.open(buffer)

    return _each(images, again)


def _each(images: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


VERSIONS: dict[str, Callable[[Images], Images]] = {
    "as it is": lambda images: images, "brightness × 0.8": brightness, "blur": blur, "JPEG": jpeg,
}  # fmt: skip


def measure(images: Images, labels: Labels, source: FeatureSource, versions: Sequence[str]) -> Measured:
    """Compute everything once."""
    changed = {name: VERSIONS[name](images) for name in versions}
    return Measured(
        labels,
        group_identical(images),
        {name: pixel_statistics(version) for name, version in changed.items()},
        {name: source.extract(version) for name, version in changed.items()},
    )


def read(file: Path, start: int, stop: int) -> tuple[Images, Labels]:
    """Rows of a parquet file of 32×32 images."""
    rows = pq.read_table(file).slice(start, stop - start)
    images = np.stack([decode_native(row["bytes"]) for row in rows.column(0).to_pylist()])
    return images, rows.column("label").to_numpy().astype(np.int64)


def champion(dataset: Dataset, work: Path, epochs: int) -> Bundle:
    """A quick ``simple_cnn``."""
    model = ModelConfig(family="simple_cnn", options={"filters": [32, 64], "dense": 128})
    trainer = TrainerConfig.model_validate({"epochs": epochs, "batch_size": 64, "learning_rate": 0.001})
    recipe = RecipeConfig(id="simple_cnn", source="E1", model=model, trainer=trainer)
    candidate = Candidate(name="simple_cnn", recipe=recipe, seed=0, threads=1)
    bundle = train(candidate, dataset, contract_for(candidate, dataset.manifest), work=work)
    print(f"- {dataset.manifest.name}: validation accuracy {bundle.summary.history[-1].validation_accuracy:.1%}")
    return bundle


def cifar_champion(data: Path) -> FeatureSource:
    """Trained on the first 10,000 images; stops after four epochs."""
    images, labels = read(data / "cifar10-train.parquet", 0, 12_000)
    parts = {"train": slice(0, 10_000), "validation": slice(10_000, 11_000), "test": slice(11_000, 12_000)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cifar"
        write_dataset(
            folder, {split: (images[rows], labels[rows]) for split, rows in parts.items()},
            name="CIFAR-10, 10,000 images", class_names=tuple("0123456789"), source="cifar10-train.parquet", licence="",
        )  # fmt: skip
        return champion_features(champion(open_dataset(folder), Path(name) / "work", 4), "simple_cnn")


def prepare(data: Path, pool: int) -> dict[str, Measured]:
    """Train the champions and measure the pools."""
    cifar = cifar_champion(data)
    with tempfile.TemporaryDirectory() as name:
        import_digits(Path(name) / "digits")
        digits = open_dataset(Path(name) / "digits")
        seen = champion_features(champion(digits, Path(name) / "work", 10), "simple_cnn")
    fresh = read(data / "cifar10-train.parquet", 12_000, 12_000 + pool)
    held = [np.concatenate([np.asarray(getattr(digits[s], kind)) for s in ("validation", "test")])
            for kind in ("images", "labels")]  # fmt: skip
    return {
        "CIFAR-10": measure(*fresh, cifar, ("as it is", "brightness × 0.8", "blur", "JPEG")),
        "CIFAR-10, seen": measure(*read(data / "cifar10-train.parquet", 0, 10_000), cifar, ("as it is",)),
        "CIFAR-10, backbone": measure(
            fresh[0][:6000], fresh[1][:6000], backbone_features(EMBEDDED_WEIGHTS),
            ("as it is", "brightness × 0.8", "blur"),
        ),
        "digits": measure(held[0], held[1], seen, ("as it is", "brightness × 0.8", "blur", "JPEG")),
    }  # fmt: skip


def pick(pool: Measured, case: Case, rng: np.random.Generator, number: int) -> tuple[Labels, Labels]:
    """Rows of both sides, without overlap."""
    order = rng.permutation(len(pool.labels))
    if case.draw == "stratified":
        each = case.size // 10
        rows = [order[pool.labels[order] == label][: 2 * each] for label in range(10)]
        return np.concatenate([r[: len(r) // 2] for r in rows]), np.concatenate([r[len(r) // 2 :] for r in rows])
    rest = order[case.size :]
    if case.drop:
        rest = rest[pool.labels[rest] != number % 10]
    return order[: case.size], rest[: case.size]


def draw(task: tuple[Case, int]) -> dict[str, bool]:
    """One comparison: which groups of tests found drift, and whether any p-value alone would have."""
    case, number = task
    pool = POOLS[case.pool]
    rng = np.random.default_rng([number, case.size, int(case.draw == "stratified")])
    if case.pool == "CIFAR-10, seen":
        rows, version = rng.choice(len(pool.labels), case.size, replace=False), POOLS["CIFAR-10"]
        others = rng.choice(len(version.labels), case.size, replace=False)
    else:
        (rows, others), version = pick(pool, case, rng, number), pool
    names = tuple("0123456789")
    before, after = pool.seen["as it is"], version.seen[case.version]
    if case.labelled:
        table = class_table((pool.labels[rows], names), (version.labels[others], names))
    elif before.predicted is not None and after.predicted is not None:
        table = class_table((before.predicted[rows], names), (after.predicted[others], names))
    pixels = [
        {name: values[chosen] for name, values in source.pixels[kind].items()}
        for source, kind, chosen in ((pool, "as it is", rows), (version, case.version, others))
    ]
    vectors = before.vectors[rows], after.vectors[others]
    groups = np.concatenate([pool.groups[rows], version.groups[others] + (0 if version is pool else 1_000_000)])
    config = CONFIG.model_copy(update={"seed": number})
    results, _, _ = run_tests(
        table, (pixels[0], pixels[1]), vectors, config, predicted=not case.labelled, groups=groups
    )
    found = dict.fromkeys(("labels", "pixels", "embedding"), False)
    for result in results:
        found[result.group] |= result.verdict == "drift"
    return {"drift": any(found.values()), "p": any(r.p_adjusted <= config.alpha for r in results), **found}


def cases() -> tuple[list[Case], list[Case]]:
    """Without and with drift."""
    still = [Case("", "CIFAR-10", size, kind) for size in (500, 1000) for kind in ("plain", "stratified")]
    still += [Case("", "CIFAR-10", 500, labelled=False), Case("", "CIFAR-10, backbone", 500)]
    still += [Case("", "digits", 200, kind) for kind in ("plain", "stratified")]
    moved = []
    for pool, size in (("CIFAR-10", 500), ("digits", 200), ("CIFAR-10, backbone", 500)):
        moved += [Case(v, pool, size, version=v) for v in ("brightness × 0.8", "blur")]
        moved.append(Case("a class is missing", pool, size, drop=True))
    moved += [
        Case("JPEG, quality 50", pool, size, version="JPEG")
        for pool, size in (("CIFAR-10", 200), ("CIFAR-10", 500), ("digits", 200))
    ]
    moved += [
        Case("a class is missing, no labels", pool, size, drop=True, labelled=False)
        for pool, size in (("CIFAR-10", 500), ("CIFAR-10", 1000), ("CIFAR-10", 2000), ("digits", 200))
    ]
    moved.append(Case("none, but the reference was trained on", "CIFAR-10, seen", 1000))
    return still, moved


def rate(hits: Sequence[bool]) -> str:
    """In percent, with the 95 % Clopper-Pearson interval."""
    interval = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95, "exact")
    return f"{100 * np.mean(hits):.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--power-draws", type=int, default=100)
    parser.add_argument("--pool", type=int, default=12_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="every draw as JSON")
    arguments = parser.parse_args()
    start = time.perf_counter()
    print(f"{describe_hardware()}; seeds 0 to {arguments.draws - 1}; {CONFIG.permutations} permutations\n")
    POOLS.update(prepare(arguments.data, arguments.pool))
    print(f"- prepared in {time.perf_counter() - start:.0f} s\n", flush=True)
    record = {}
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("fork")) as workers:
        for group, count in zip(cases(), (arguments.draws, arguments.power_draws), strict=True):
            print("| drift | images | a side | draws | found | without minimum | labels | pixels | embedding |")
            print("|---|---|---|---|---|---|---|---|---|")
            for case in group:
                outcomes = list(workers.map(draw, [(case, number) for number in range(count)], chunksize=5))
                record[f"{case}"] = outcomes
                shares = [rate([o["drift"] for o in outcomes])]
                shares += [
                    f"{100 * np.mean([o[key] for o in outcomes]):.1f} %"
                    for key in ("p", "labels", "pixels", "embedding")
                ]
                title = case.title or f"none, {case.draw}{'' if case.labelled else ', no labels'}"
                print(f"| {title} | {case.pool} | {case.size:,} | {count} | {' | '.join(shares)} |", flush=True)
            print()
    print(f"{time.perf_counter() - start:.0f} s with {arguments.workers} workers")
    if arguments.out:
        arguments.out.write_text(json.dumps(record))


if __name__ == "__main__":
    main()

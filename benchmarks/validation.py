"""What does the full validation of CIFAR-10 cost, part by part, and what would a loop over the images cost?

    python benchmarks/validation.py ../shared/data            (about a minute)

Prints markdown. The loop computes, image by image with NumPy, the figures of one look at the pixels (extremes, mean,
deviation, digest, descriptor), and is stopped after 2,000 images; its time is scaled to all of them. Memory as the data
set grows: ``validation_memory.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from podium.data import Dataset, open_dataset, write_dataset
from podium.training.hardware import describe_hardware

ROOT = Path(__file__).resolve().parents[1]


def read(folder: Path, target: Path) -> Dataset:
    """Write 45,000 + 5,000 + 5,000 images of the parquet files as a data set."""
    import io

    import pyarrow.parquet as pq
    from PIL import Image

    def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
        table = pq.read_table(folder / name).to_pydict()
        images = [np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in table["img"]]
        return np.stack(images), np.array(table["label"], np.int64)

    images, labels = arrays("cifar10-train.parquet")
    order = np.random.default_rng(0).permutation(len(labels))
    train, validation = np.sort(order[5000:]), np.sort(order[:5000])
    splits = {
        "train": (images[train], labels[train]),
        "validation": (images[validation], labels[validation]),
        "test": arrays("cifar10-test.parquet"),
    }
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    write_dataset(target, splits, name="cifar10", class_names=names, source="CIFAR-10", licence="unknown")
    return open_dataset(target)


def loop(images: np.ndarray, count: int = 2000) -> float:
    """Seconds a naive loop needs for an image."""
    from podium.data.near import describe_block

    start = time.perf_counter()
    for image in images[:count]:
        values = image.astype(np.float64)
        _ = image.min(), image.max(), values.mean(axis=(0, 1)), values.std(), (image == image[0, 0]).all()
        hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        describe_block(image[None])
    return (time.perf_counter() - start) / count


def noise(images: np.ndarray, labels: np.ndarray, share: float) -> tuple[float, float, float]:
    """Share of images named, precision and recall, with a share of labels replaced by other ones (seed 0)."""
    from podium.validation.noise import label_issues

    rng = np.random.default_rng(0)
    wrong = rng.permutation(len(labels))[: int(share * len(labels))]
    given = np.array(labels)
    given[wrong] = (given[wrong] + rng.integers(1, 10, len(wrong))) % 10
    named, _ = label_issues(images, given, 10)
    truth = given != labels
    return float(named.mean()), float(truth[named].mean()), float(named[truth].mean()) if share else 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the parquet files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        dataset = read(arguments.folder, Path(made) / "data")
        start, cpu = time.perf_counter(), time.process_time()
        import great_expectations  # noqa: F401

        imported = time.perf_counter() - start, time.process_time() - cpu
        from podium.contract import InputContract
        from podium.validation import load_suite, render_report, validate_dataset

        manifest = dataset.manifest
        contract = InputContract(
            height=32, width=32, mean=manifest.mean, std=manifest.std, class_names=manifest.class_names
        )
        suite = load_suite("cifar10", ROOT)
        runs = []
        for _ in range(3):
            begin, cpu = time.perf_counter(), time.process_time()
            report = validate_dataset(dataset, suite, {"net": contract})
            middle = time.perf_counter()
            page = render_report(report, dataset)
            end = time.perf_counter()
            runs.append((end - begin, time.process_time() - cpu, end - middle, report))
        total, used, rendering, report = min(runs, key=lambda run: run[0])
        images = sum(len(split) for split in dataset.splits.values())
        print(f"{describe_hardware()}; {images:,} images of CIFAR-10; the best of 3; seconds\n")
        print("| part | seconds | share |\n|---|---|---|")
        for name, seconds in (*report.part_seconds.items(), ("rendering", rendering)):
            print(f"| {name} | {seconds:.2f} | {seconds / total:.0%} |")
        print(f"| **all** | **{total:.2f}** ({used:.1f} of CPU) | |")
        print(f"| importing Great Expectations, once a process | {imported[0]:.1f} ({imported[1]:.1f} of CPU) | |")
        every = loop(dataset["train"].images) * images
        pixels = report.part_seconds["statistics"]
        print(f"| naive loop for `statistics` | {every:.1f} | {every / pixels:.1f} times `statistics` |\n")
        print(f"{len(report.results)} results, page of {len(page) / 1e6:.1f} MB, passed: {report.passed}\n")
        print("| labels replaced | named | precision | recall |\n|---|---|---|---|")
        for share in (0.0, 0.03):
            named, precision, recall = noise(dataset["train"].images, np.asarray(dataset["train"].labels), share)
            print(f"| {share:.0%} | {named:.2%} | {precision:.2f} | {recall:.2f} |")
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\npeak memory of this process: {own:,.0f} MB")


if __name__ == "__main__":
    main()

"""What a run's page and leaderboard cost with hundreds of candidates.

    python benchmarks/many_candidates.py 2 100 1000

Candidates are made: ten classes, 5,000 validation images, 20 epochs each. Prints Markdown: seconds to build the
leaderboard and to draw the page, the page's size, the size of all evaluations that ZenML keeps, and the process's peak
memory by then.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES, CLASSES = 5000, 10


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="+")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    sys.stdout.write("| candidates | leaderboard, s | page, s | page, MB | evaluations, MB | peak memory, MiB |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted(arguments.counts):
            sys.stdout.write(measure(Path(folder) / str(count), count) + "\n")
    return 0


def measure(folder: Path, count: int) -> str:
    """One row."""
    from podium.data import open_dataset, write_dataset
    from podium.evaluation import build_leaderboard, select
    from podium.report.render import render_report
    from tests.conftest import make_arrays
    from tests.evaluation.made import summary
    from tests.report.conftest import guess, make_report

    made = make_report(folder / "small")
    names = tuple(f"class{number}" for number in range(CLASSES))
    splits = {
        part: make_arrays(n, seed=seed, classes=CLASSES)
        for seed, (part, n) in enumerate([("train", 100), ("validation", IMAGES), ("test", 100)])
    }
    write_dataset(folder / "data", splits, name="made", class_names=names, source="made", licence="CC0-1.0")
    dataset = open_dataset(folder / "data")
    labels = [f"candidate_{number}" for number in range(count)]
    validation = {name: guess(dataset, name, "validation", 0.3, seed) for seed, name in enumerate(labels)}
    test = {labels[0]: guess(dataset, labels[0], "test", 0.3, 1)}
    summaries = {name: summary(name, epochs=20) for name in labels}
    candidate = made.candidates["resnet20"]
    start = time.perf_counter()
    leaderboard = build_leaderboard(
        run="run", config_name="many", model="many", data=made.leaderboard.data.model_copy(
            update={"digest": dataset.manifest.digest}
        ),
        selection=select([entry.metrics for entry in validation.values()], "accuracy"), summaries=summaries,
        validation={name: entry.metrics for name, entry in validation.items()},
        test={name: entry.metrics for name, entry in test.items()}, failures={},
    )  # fmt: skip
    ranked = time.perf_counter()
    page = render_report(
        dataclasses.replace(
            made, leaderboard=leaderboard, dataset=dataset, summaries=summaries, validation=validation, test=test,
            candidates={name: candidate.model_copy(update={"name": name}) for name in labels}, examinations={},
            unexamined={},
        )
    )  # fmt: skip
    drawn = time.perf_counter()
    kept = sum(entry.probabilities.nbytes for entry in validation.values()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {count} | {ranked - start:.2f} | {drawn - ranked:.1f} | {len(page.encode()) / 1e6:.2f} | {kept:.0f} |"
        f" {peak:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())

"""What a look of scheduled retraining costs that finds nothing to train, and what the run costs that it saves.

    python benchmarks/retrain_check.py [--looks 10]

In a checkout of its own with the embedded digits: `podium retrain run configs/retraining.yaml` trains once, its winner
is approved, and the same command is called again and again, as a schedule would; then the pipeline through ZenML's own
command, as ZenML's schedules call it. Prints Markdown: seconds from the command to its end, which include the start of
Python.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = "configs/retraining.yaml"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--looks", type=int, default=10)
    looks = parser.parse_args().looks
    sys.path.insert(0, str(ROOT))
    from podium.orchestration.environment import isolated_environment
    from podium.settings import Settings
    from tests.product.workspace import Workspace

    with tempfile.TemporaryDirectory(prefix="podium-retrain-") as folder:
        checkout = Workspace.create(Path(folder) / "checkout")
        checkout.call("podium", "data", "restore")
        trained = seconds(checkout, "podium", "retrain", "run", FILE)
        review = checkout.json("review", "list")["reviews"][0]["id"]
        checkout.call("podium", "review", "approve", review, "--reason", "the first")
        checkout.call("podium", "retrain", "run", FILE)  # the champion is news, once
        rows = [seconds(checkout, "podium", "retrain", "run", FILE) for _ in range(looks)]
        last = checkout.json("retrain", "history", FILE)[-1]
        within = isolated_environment(Settings.from_environment(checkout.environment()))
        pipeline = ("zenml", "pipeline", "run", "pipelines.retraining.retraining_pipeline", "-c", FILE)
        zenml = [seconds(checkout, *pipeline, **within) for _ in range(looks)]
        if checkout.json("retrain", "history", FILE)[-1]["count"] != last["count"] + looks:
            sys.exit("ZenML's runs were not looks that found nothing")
        forced = seconds(checkout, "podium", "retrain", "run", FILE, "--force")
    if last["event"] != "checked" or last["count"] < looks:
        sys.exit(f"the looks were not looks that found nothing: {last}")
    sys.stdout.write(
        "| | seconds (least to greatest) |\n|---|---|\n"
        f"| first call, which trains | {trained:.0f} |\n"
        f"| {looks} calls that find nothing | {statistics.median(rows):.2f} ({min(rows):.2f} to {max(rows):.2f}) |\n"
        f"| {looks} runs of the pipeline by `zenml pipeline run` that find nothing | {statistics.median(zenml):.1f}"
        f" ({min(zenml):.1f} to {max(zenml):.1f}) |\n"
        f"| with `--force`: the trainings come from the cache | {forced:.0f} |\n"
    )
    sys.stderr.write(f"{os.cpu_count()} cores\n")
    return 0


def seconds(checkout: object, *command: str, **variables: str) -> float:
    """From the call of a command to its end, which must be a good one."""
    start = time.perf_counter()
    checkout.call(*command, **variables)  # type: ignore[attr-defined]
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

"""The main job, first and again: what a repeated run saves, in one go on one machine.

    python benchmarks/main_job.py [--config configs/quickstart.yaml] [--repeats 3]

Runs the pipeline in a fresh state folder, then again with nothing changed (all cached), then with a new seed for one
candidate, so that one training of four is repeated. Prints seconds and ratios of the medians as Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from podium.training.hardware import describe_hardware

ROOT = Path(__file__).resolve().parents[1]
PODIUM = Path(sys.executable).with_name("podium")


def seconds(config: Path, state: Path) -> float:
    """Wall time of one run, process start included."""
    start = time.perf_counter()
    subprocess.run(
        [PODIUM, "run", str(config)],
        env={**os.environ, "PODIUM_STATE": str(state)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "quickstart.yaml")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    text = arguments.config.read_text()
    first, again, changed = [], [], []
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as name:
            state = Path(name) / "state"
            first.append(seconds(arguments.config, state))
            again.append(seconds(arguments.config, state))
            other = Path(name) / "changed.yaml"
            other.write_text(text.replace("- simple_cnn\n", "- {recipe: simple_cnn, seed: 1}\n"))
            assert other.read_text() != text, "the configuration has no line '- simple_cnn' to change"
            changed.append(seconds(other, state))
    base = statistics.median(first)
    print(f"{describe_hardware()}; {arguments.config.name}; {arguments.repeats} repeats; medians (least to greatest)\n")
    print("| run | seconds | of the first |\n|---|---|---|")
    for label, values in (
        ("first", first),
        ("again, nothing changed", again),
        ("again, one candidate's seed changed", changed),
    ):
        middle = statistics.median(values)
        print(f"| {label} | {middle:.1f} ({min(values):.1f} to {max(values):.1f}) | {middle / base:.2f} |")


if __name__ == "__main__":
    main()

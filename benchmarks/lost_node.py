"""What the loss of a node costs a training on Slurm: work done again, and Slurm's own delay.

    python benchmarks/lost_node.py [--epochs 12] [--after 5]

Starts the test suite's cluster (root): three nodes of two made GPUs, all on this machine, and a checkout with the stack
`slurm`; trains `cnn_3block` on the embedded digits as a job. In the middle of the epoch after --after ones its node
loses its power (SIGKILL for all of it), which the controller is told at once; a real one finds it out within
`SlurmdTimeout`. Prints Markdown: how far the epoch was that was lost, when Slurm started the job again, and when the
training had caught up.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tests.cluster.slurm import Cluster

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
CONFIG = """parameters:
  config:
    name: lost
    candidates: [{{recipe: cnn_3block, trainer: {{epochs: {epochs}}}}}]
    threads: 1
    registry: {{model: lost, onnx: false}}
steps: {{train: {{settings: {{resources: {{gpu_count: 2, cpu_count: 1, memory: 2GB}}}}}}}}
"""
EPOCH = re.compile(r"train epoch (\d+): .* ([\d.]+) s$", re.MULTILINE)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--after", type=int, default=5)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from podium.orchestration.environment import isolated_environment
    from podium.settings import Settings
    from tests.cluster.slurm import Cluster
    from tests.product.workspace import BIN, Workspace

    with tempfile.TemporaryDirectory(prefix="podium-lost-") as name:
        folder = Path(name)
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start()
            site = Workspace.create(folder / "checkout")
            site.call("podium", "data", "restore")
            site.call("podium", "stack", "up", "slurm")
            (site.root / "configs" / "lost.yaml").write_text(CONFIG.format(epochs=arguments.epochs))
            settings = Settings.from_environment({"PODIUM_ROOT": str(site.root)})
            told = {"ZENML_LOGGING_VERBOSITY": "INFO", "ZENML_LOGGING_COLORS_DISABLED": "true"}
            environment = site.environment(**isolated_environment(settings) | told, **cluster.environment())
            command = [
                "pipeline",
                "run",
                "pipelines.training.training_pipeline",
                "-c",
                "configs/lost.yaml",
                "-s",
                "slurm",
            ]
            run = subprocess.Popen([BIN / "zenml", *command], cwd=site.root, env=environment, stdout=sys.stderr)
            try:
                report(*lose(cluster, site.state, run, arguments.after))
            finally:
                run.kill()
                run.wait()
        finally:
            cluster.stop()
    sys.stderr.write(f"{os.cpu_count()} cores\n")
    return 0


def lose(cluster: Cluster, state: Path, run: subprocess.Popen[bytes], after: int) -> tuple[float, ...]:
    """Have the training's node lose its power; returns seconds: see ``report``."""

    def wait(found: Callable[[], T | None], what: str) -> T:
        last = time.monotonic() + 600
        while (value := found()) is None:
            if run.poll() is not None or time.monotonic() > last:
                raise SystemExit(f"{what} did not come")
            time.sleep(0.01)
        return value

    def training() -> Path | None:
        return next((file.parent for file in state.glob("slurm/*/train_*/started")), None)

    folder = wait(training, "the job")
    output = folder / "output"

    def epoch(number: int) -> float | None:
        """How long it took, once it has ended."""
        return next((float(took) for told, took in epochs() if int(told) == number), None)

    def nodes() -> list[str]:
        """On which the job was started."""
        return [line.split()[2] for line in (folder / "started").read_text().splitlines()]

    def epochs() -> list[tuple[str, str]]:
        """Number and seconds of those that have ended."""
        return EPOCH.findall(output.read_text())

    length = wait(lambda: epoch(after), f"epoch {after}")
    time.sleep(length / 2)
    before = len(epochs())
    lost = time.monotonic()
    cluster.lose(nodes()[0])
    wait(lambda: nodes()[1:] or None, "the second start")
    again = time.monotonic() - lost
    first = wait(lambda: epochs()[before:] or None, "an epoch of the second start")[0]
    caught = time.monotonic() - lost
    return length, length / 2, again, float(first[1]), caught, before, int(first[0])


def report(length: float, done: float, again: float, took: float, caught: float, before: float, first: float) -> None:
    """The table."""
    sys.stdout.write(
        "| epochs done | an epoch, s | lost of the next, s | Slurm's delay, s | start of the step, s |"
        " first epoch after it | which took, s |\n|---|---|---|---|---|---|---|\n"
        f"| {before:.0f} | {length:.1f} | {done:.1f} | {again:.1f} | {caught - again - took:.1f} | {first:.0f} |"
        f" {took:.1f} |\n"
    )


if __name__ == "__main__":
    sys.exit(main())

"""What a run on Slurm takes more than its longest training: launch of a step, and makespan of six on six GPUs.

    python benchmarks/makespan.py [--seconds 60] [--alone 3] [--compare] [--server] [--fan-out 500]

Starts the test suite's cluster (root): three nodes of two made GPUs, all on this machine, and a checkout with the stack
`slurm`. Each step holds its GPU for so many seconds, which stand for a training: six real ones would fight for this
machine's cores. Launch is from the driver's call of `submit` to the first line of the step's code in its job: once
with one step at a time, once with six at a time; with --compare the former also with ZenML's own program in the job, in
turn. With --server ZenML's store is a server on MariaDB, on this machine as well, instead of SQLite. With --fan-out as
many steps of no duration go through the six GPUs, and the driver's memory and its questions to the controller are told;
--alone 0 leaves all else out. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {"gpus": 1, "cpus": 1, "memory": "1500M"}
PROGRAM = "import sys; from benchmarks.makespan_pipeline import main; main(*sys.argv[1:])"
QUESTIONS = ("squeue", "sacct")
Row = tuple[float, float, float, float]
"""Asked for, begun, ended, seconds since 1970; seconds of a core before the beginning."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the six")
    parser.add_argument("--alone", type=int, default=3, help="runs of one step; 0: nor six at once")
    parser.add_argument("--compare", action="store_true", help="the runs of one step also as ZenML would start them")
    parser.add_argument("--server", action="store_true", help="ZenML's store is a server on MariaDB")
    parser.add_argument("--fan-out", type=int, default=0, help="steps of no duration, all submitted at once")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from podium.orchestration.environment import isolated_environment
    from podium.settings import Settings
    from tests.cluster.slurm import Cluster
    from tests.cluster.team import log_in, team_server
    from tests.product.workspace import Workspace

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-makespan-")))
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start()
            site = Workspace.create(folder / "checkout")
            settings = Settings.from_environment({"PODIUM_ROOT": str(site.root)})
            paths = {"ZENML_CUSTOM_SOURCE_ROOT": str(ROOT), "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
            variables = isolated_environment(settings) | cluster.environment() | paths
            variables["ZENML_LOGGING_VERBOSITY"] = "INFO"
            if arguments.server:
                server = stack.enter_context(team_server())
                log_in(site, server, server.add_service_account("ada"), variables)
            site.call("podium", "stack", "up", "slurm")
            environment = site.environment(**variables)
            programs = ["podium", "zenml"] if arguments.compare else ["podium"]
            alone: dict[str, list[Row]] = {program: [] for program in programs}
            for _ in range(arguments.alone):
                for program, rows in alone.items():
                    rows.extend(run(environment, folder, [0.0], program)["rows"])
            six = run(environment, folder, [arguments.seconds] * 6)["rows"] if arguments.alone else []
            many = run(environment, folder, [0.0] * arguments.fan_out) if arguments.fan_out else None
        finally:
            cluster.stop()
    if arguments.alone:
        report(alone, six, arguments.seconds)
    if many:
        tell_fan_out(many)
    return 0


def run(environment: dict[str, str], folder: Path, seconds: list[float], program: str = "podium") -> dict[str, Any]:
    """One run of the pipeline: what it tells."""
    told = folder / "told.json"
    command = [sys.executable, "-c", PROGRAM, json.dumps(seconds), json.dumps(SETTINGS), str(told), program]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=True)
    found: dict[str, Any] = json.loads(told.read_text())
    return found


def tell_fan_out(many: dict[str, Any]) -> None:
    """Two more tables."""
    rows, memory = many["rows"], [size / 2**20 for _, size in many["memory"]]
    begun, end = min(row[0] for row in rows), max(row[2] for row in rows)
    parts = [memory[round(part * (len(memory) - 1) / 4)] for part in range(5)]
    sys.stdout.write(
        "\n| steps | all ended, s | a step, s | driver's memory, MiB: at first, after each quarter | most |\n"
        "|---|---|---|---|---|\n"
        f"| {len(rows)} | {end - begun:.0f} | {(end - begun) / len(rows):.2f} |"
        f" {', '.join(f'{size:.0f}' for size in parts)} | {max(memory):.0f} |\n"
        "\n| command of the driver | times | a second | in its busiest ten seconds, a second |\n|---|---|---|---|\n"
    )
    for group in (QUESTIONS, ("sbatch",), ("scontrol",), ("scancel",)):
        times = sorted(when for when, name in many["commands"] if name in group)
        busiest = max((sum(start <= when < start + 10 for when in times) for start in times), default=0)
        told = f"{len(times)} | {len(times) / (end - begun):.2f} | {busiest / 10:.1f}"
        sys.stdout.write(f"| {', '.join(group)} | {told} |\n")


def launches(rows: list[Row]) -> list[float]:
    """From asking to beginning, seconds."""
    return [row[1] - row[0] for row in rows]


def cores(rows: list[Row]) -> list[float]:
    """Seconds of a core before the beginning."""
    return [row[3] for row in rows]


def spread(values: list[float]) -> str:
    """The median, the least and the greatest."""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def report(alone: dict[str, list[Row]], six: list[Row], seconds: float) -> None:
    """The table."""
    sys.stdout.write(
        "| steps | seconds of each | launch, s (least to greatest) | of a core, in the job, s |"
        " makespan, s | of longest chain + launch alone |\n"
        "|---|---|---|---|---|---|\n"
    )
    for program, rows in alone.items():
        name = "" if program == "podium" else ", ZenML's program"
        sys.stdout.write(
            f"| 1, {len(rows)} times{name} | 0 | {spread(launches(rows))} | {spread(cores(rows))} | – | – |\n"
        )
    makespan = max(row[2] for row in six) - min(row[0] for row in six)
    share = makespan / (seconds + statistics.median(launches(alone["podium"])))
    told = f"{spread(launches(six))} | {spread(cores(six))} | {makespan:.1f} | {share:.2f}"
    sys.stdout.write(f"| {len(six)} at once | {seconds:g} | {told} |\n")
    sys.stderr.write(f"{os.cpu_count()} cores\n")


if __name__ == "__main__":
    sys.exit(main())

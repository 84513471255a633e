"""What many jobs cost the driver and the controller: submitted and watched as a run does it, with nothing in them.

    python benchmarks/cluster.py --jobs 500 [--made] [--work DIR]

Without --made, jobs go to the cluster that `sbatch` talks to, and --work is a folder that its nodes see. With it, the
test suite's cluster of three nodes is started on this machine (root; Debian's packages are installed). Prints Markdown:
seconds until all were submitted and until all had ended, calls of each of Slurm's commands, questions to the controller
(squeue, sacct) a second, and how much memory the driver took more at the end.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.progress import Progress

from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import Asked, render
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Phase
from podium.orchestration.slurm.transport import Done, Transport

ROOT = Path(__file__).resolve().parents[1]
ENDED = (Phase.SUCCEEDED, Phase.FAILED)


COUNTS: collections.Counter[str] = collections.Counter()


class Counting(Transport):
    """Counts the commands that are run; Slurm's sbatch is called by a shell, which also writes the jobs' files."""

    def run(self, *command: str, **options: object) -> Done:
        """As ``Transport.run``."""
        COUNTS["sbatch" if any("sbatch" in word for word in command) else command[0]] += 1
        return super().run(*command, **options)  # type: ignore[arg-type]


def main() -> int:
    """Measure and print; the exit status tells whether every job completed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--interval", type=float, default=1.0, help="least seconds between two looks")
    parser.add_argument("--made", action="store_true", help="start the test suite's cluster")
    parser.add_argument("--work", type=Path, help="a folder that the nodes see")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if arguments.made:
            stack.enter_context(made_cluster())
        work = arguments.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-jobs-")))
        return measure(work.absolute(), arguments.jobs, arguments.interval)


def measure(work: Path, count: int, interval: float) -> int:
    """Submit and watch so many jobs in folders below ``work``."""
    transport = Counting()
    poller = Poller(transport, interval)
    process = psutil.Process()
    before, start = process.memory_info().rss, time.monotonic()
    waiting: set[str] = set()
    failed = 0
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("jobs", total=2 * count)
        for number in range(count):
            job = jobs.submit(transport, submission(work, number))
            poller.track(job)
            waiting.add(job)
            progress.advance(task)
        submitted = time.monotonic() - start
        while waiting:
            for job in sorted(waiting):
                found = poller.look(job)
                if found is None or found.phase in ENDED:
                    failed += found is None or found.phase is not Phase.SUCCEEDED
                    waiting.discard(job)
                    poller.forget(job)
                    progress.advance(task)
            time.sleep(0.1)
    seconds = time.monotonic() - start
    grown = (process.memory_info().rss - before) / 2**20
    asked = COUNTS["squeue"] + COUNTS["sacct"]
    told = ", ".join(f"{name} {number}" for name, number in sorted(COUNTS.items()))
    sys.stdout.write(
        "| jobs | submitted, s | ended, s | failed | commands | questions a second | driver's memory, MiB more |\n"
        "|---|---|---|---|---|---|---|\n"
        f"| {count} | {submitted:.1f} | {seconds:.1f} | {failed} | {told} | {asked / seconds:.2f} | {grown:.1f} |\n"
    )
    return 1 if failed else 0


def submission(work: Path, number: int) -> jobs.Submission:
    """A job that does nothing."""
    asked, settings = Asked(None, 1, "50M"), SlurmSettings()
    name, folder = f"benchmark.{os.getpid()}.{number}", str(work / f"job-{number}")
    script = render(
        name=name, comment="benchmarks/cluster.py", folder=folder, command=["true"], asked=asked, settings=settings
    )
    return jobs.Submission(name, folder, script, {}, asked, settings)


@contextlib.contextmanager
def made_cluster() -> Iterator[None]:
    """The test suite's cluster, for the time of the block."""
    sys.path.insert(0, str(ROOT))
    from tests.cluster.slurm import Cluster

    folder = Path(tempfile.mkdtemp(prefix="podium-slurm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        os.environ["SLURM_CONF"] = str(cluster.conf)
        yield
    finally:
        cluster.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())

"""One machine's GPUs handed out by its own Slurm: real daemons, made GPUs."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.errors import PodiumError
from podium.orchestration.slurm import jobs
from podium.orchestration.slurm.poller import Poller
from podium.orchestration.slurm.script import Asked, render
from podium.orchestration.slurm.settings import SlurmSettings
from podium.orchestration.slurm.states import Phase
from podium.orchestration.slurm.transport import Transport
from podium.workstation import daemons
from podium.workstation.files import Place
from podium.workstation.machine import Gpu, Machine, this_machine
from tests.cluster.slurm import PACKAGES, until
from tests.conftest import ROOT
from tests.needs import have

pytestmark = pytest.mark.slow

NOBODY = 65534


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    have("slurmctld", *PACKAGES)
    made = daemons.place_of(tmp_path / "a folder with a long name" / "state")
    yield made
    if "slurmctld" in daemons.running(made):
        subprocess.run(["scancel", "--user=root"], env=os.environ | {"SLURM_CONF": str(made.conf)}, check=False)
    daemons.down(made, force=True)
    shutil.rmtree(made.run)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """This one, as if it had eight processors and two GPUs of 8 GiB."""
    gpus = []
    for number in range(2):
        device = tmp_path / f"gpu{number}"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        gpus.append(Gpu(name="made", memory=8, device=device))
    return this_machine().model_copy(update={"cpus": 8, "gpus": tuple(gpus)})


class Queue:
    """Jobs that tell their GPU and wait for a file."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.transport = Transport(conf=str(place.conf))
        self.poller = Poller(self.transport, 0.2)
        self.go = folder / "go"

    def submit(self, name: str, asked: Asked) -> str:
        folder = str(self.folder / name)
        wait = f'echo "$CUDA_VISIBLE_DEVICES" > gpu; while [ ! -e {self.go} ]; do sleep 0.1; done'
        settings = SlurmSettings()
        script = render(
            name=name, comment=name, folder=folder, command=["sh", "-c", wait], asked=asked, settings=settings
        )
        job = jobs.submit(self.transport, jobs.Submission(name, folder, script, {}, asked, settings))
        self.poller.track(job)
        return job

    def gpu(self, name: str) -> str | None:
        """The GPU that a job got; None while it waits."""
        file = self.folder / name / "gpu"
        return file.read_text().strip() or None if file.exists() else None

    def phase(self, job: str) -> Phase | None:
        found = self.poller.look(job)
        return found.phase if found else None


def test_trainings_wait_for_a_gpu_or_share_one(place: Place, machine: Machine, tmp_path: Path) -> None:
    assert daemons.up(place, machine) == ["munged: started", "slurmctld: started", "slurmd: started"]
    assert daemons.up(place, machine) == [], "it runs"
    queue = Queue(place, tmp_path / "jobs")
    whole, part = Asked(1, 1, "50M"), Asked(None, 1, "50M", 4)
    first = queue.submit("whole", whole)
    until(lambda: queue.gpu("whole"), "a GPU of its own")
    for name in ("one", "two", "three"):
        last = queue.submit(name, part)
    until(lambda: queue.gpu("one") and queue.gpu("two"), "parts of a GPU")
    assert queue.gpu("one") == queue.gpu("two") != queue.gpu("whole"), "4 and 4 of its 8 GiB"
    time.sleep(2)
    assert queue.gpu("three") is None, "neither the shared GPU has room nor the other is free"
    assert queue.phase(last) is Phase.WAITING
    with pytest.raises(PodiumError, match="4 jobs wait or run: "):
        daemons.down(place)
    assert daemons.down(place, force=True) == ["munged: stopped", "slurmctld: stopped", "slurmd: stopped"]
    assert daemons.running(place) == {}

    for name in ("whole", "one", "two"):
        (tmp_path / "jobs" / name / "gpu").unlink()
    queue.go.touch()
    fewer = machine.model_copy(update={"gpus": machine.gpus[:1]})
    assert len(daemons.up(place, fewer)) == 3, "as after a start of the machine, one of whose GPUs is gone"
    for job in (first, last):
        until(lambda job=job: queue.phase(job) is Phase.SUCCEEDED, lambda: daemons.slurm(place, "squeue"), 90)
    assert queue.gpu("whole") == queue.gpu("three") == "0", "what waited or ran has run"


def test_a_user_without_rights(tmp_path: Path) -> None:
    have("slurmctld", *PACKAGES)
    home = Path(tempfile.mkdtemp())
    os.chown(home, NOBODY, NOBODY)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "200"}
    environment |= {"PODIUM_ROOT": str(ROOT), "PODIUM_STATE": str(home / "state"), "PYTHONDONTWRITEBYTECODE": "1"}

    def podium(*command: str, expect: int = 0) -> str:
        who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        done = subprocess.run(
            [*who, Path(sys.executable).parent / "podium", "workstation", *command], cwd=home, env=environment,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    try:
        assert "down (munged, slurmctld, slurmd)" in podium("status", expect=1)
        told = podium("up")
        assert "slurmd: started" in told
        conf = next(line for line in told.splitlines() if "SLURM_CONF=" in line).split("=", 1)[1].split()[0]
        assert Path(conf).stat().st_uid == NOBODY
        assert (home / "state" / "workstation" / "munge.key").stat().st_mode & 0o777 == 0o400
        assert "idle" in podium("status")
    finally:
        podium("down", "--force")
        shutil.rmtree(home)

"""A site with accounting: jobs that ``squeue`` has forgotten, accounts that are refused."""

from __future__ import annotations

import getpass
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.orchestration.slurm import jobs, poller
from podium.orchestration.slurm.recovery import unrecorded
from podium.orchestration.slurm.script import Asked
from podium.orchestration.slurm.states import SQUEUE, Phase, of_sacct, sacct
from podium.orchestration.slurm.transport import SlurmError
from tests.cluster.accounting import Accounting, MariaDB
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_jobs import Queue

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def accounted() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="podium-slurm-"))
    folder.chmod(0o755)
    cluster, database = Cluster(folder, nodes=("n1",)), None
    try:
        database = MariaDB(folder / "mariadb")
        accounting = Accounting(cluster, database)
        cluster.options, cluster.before_controller = accounting.options, accounting.start
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        if database is not None:
            database.stop()
        shutil.rmtree(folder)


@pytest.fixture
def site(accounted: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setenv("SLURM_CONF", str(accounted.conf))
    yield Queue(tmp_path)
    accounted.clear()


def test_what_squeue_has_forgotten_and_accounts(site: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlurmError, match=r"account 'nobody'[\s\S]*sacctmgr show associations"):
        jobs.submit(site.transport, site.wanted("true", account="nobody"))
    good, bad, cancelled = site.submit("true", account="thesis"), site.submit("exit 3"), site.submit("sleep 60")
    site.wait(cancelled, Phase.RUNNING)
    jobs.cancel(site.transport, [cancelled], [str(site.folders[cancelled])])
    ended = [site.end(job) for job in (good, bad, cancelled)]

    def accounted_for() -> bool:
        known = of_sacct(site.transport.run(*sacct([good, bad, cancelled])).stdout)
        return [known[job].state for job in (good, bad, cancelled) if job in known] == [job.state for job in ended]

    until(accounted_for, "the accounting, which is told a little later")
    # As if MinJobAge had passed, which Slurm looks at once a minute.
    forgetful = tuple(part.replace("--states=all", "--states=PENDING,RUNNING") for part in SQUEUE)
    monkeypatch.setattr(poller, "SQUEUE", forgetful)
    site.poller = poller.Poller(site.transport, 0.2)
    for job, known in zip((good, bad, cancelled), ended, strict=True):
        until(lambda job=job: site.poller.look(job).state != poller.UNKNOWN, f"what became of {job}")
        found = site.poller.look(job)
        assert (found.state, found.nodes) == (known.state, "n1")
    assert site.poller.look(bad).exit_code == 3
    site.poller.track("4711")
    until(lambda: site.poller.look("4711") is None, "a job that never was")


def test_a_job_that_was_cancelled_while_it_waited_is_known_by_its_name(
    site: Queue, accounted: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = site.submit("sleep 60", Asked(None, 4, "50M"))
    site.wait(running, Phase.RUNNING)
    for flags in ((), ("--hold",)):
        wanted = site.wanted("true", Asked(None, 4, "50M"), flags=flags)
        job = jobs.submit(site.transport, wanted)
        site.wait(job, Phase.WAITING)
        accounted.call("scancel", job)
        monkeypatch.setattr(jobs, "look_up", lambda *_, **__: None)  # as if MinJobAge had passed
        found = []
        until(
            lambda wanted=wanted, found=found: (
                found.append(unrecorded(site.transport, wanted.name, wanted.folder)) or found[-1]
            ),
            f"job {job} ({flags})",
            10,
        )
        assert found[-1] == job
        monkeypatch.undo()
        monkeypatch.setenv("SLURM_CONF", str(accounted.conf))


def test_the_users_limit_of_jobs_is_waited_for_and_another_limit_is_told(
    site: Queue, accounted: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def allow(what: str, name: str, *limits: str) -> None:
        accounted.call("sacctmgr", "--immediate", "--quiet", "modify", what, name, "set", *limits)

    def limited(program: str, **settings: str) -> str:
        return jobs.submit(site.transport, site.wanted(program, **settings), patience=0, sleep=sleep)

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(0.2)
        (site.folder / "go").touch()

    allow("user", getpass.getuser(), "MaxSubmitJobs=1")
    first = site.submit("while [ ! -e ../go ]; do sleep 0.05; done", account="thesis")
    site.wait(first, Phase.RUNNING)
    with caplog.at_level(logging.WARNING):
        second = limited("true", account="thesis")
    assert slept, "the second waited until the first had ended, though its patience is nought"
    assert site.end(first).state == "COMPLETED"
    assert site.end(second).state == "COMPLETED"
    assert "waits to be submitted: sbatch: error: AssocMaxSubmitJobLimit" in caplog.text

    allow("user", getpass.getuser(), "MaxSubmitJobs=-1")
    allow("qos", "normal", "MaxWall=1", "Flags=DenyOnLimit")
    slept.clear()
    with pytest.raises(SlurmError, match="accounting forbids the job: QOSMaxWallDurationPerJobLimit"):
        limited("true", account="thesis", time_limit="10")
    assert not slept

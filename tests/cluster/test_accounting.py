"""A site with accounting: jobs that ``squeue`` has forgotten, accounts that are refused."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.orchestration.slurm import jobs, poller
from podium.orchestration.slurm.states import SQUEUE, Phase
from podium.orchestration.slurm.transport import SlurmError
from tests.cluster.accounting import Accounting, MariaDB
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_jobs import Queue

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    folder = Path(tempfile.mkdtemp(prefix="podium-slurm-"))
    folder.chmod(0o755)
    cluster, database = Cluster(folder, nodes=("n1",)), None
    try:
        database = MariaDB(folder / "mariadb")
        accounting = Accounting(cluster, database)
        cluster.options, cluster.before_controller = accounting.options, accounting.start
        cluster.start()
        monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
        yield Queue(tmp_path)
    finally:
        cluster.stop()
        if database is not None:
            database.stop()
        shutil.rmtree(folder)


def test_what_squeue_has_forgotten_and_accounts(site: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlurmError, match=r"account 'nobody'[\s\S]*sacctmgr show associations"):
        jobs.submit(site.transport, site.wanted("true", account="nobody"))
    good, bad, cancelled = site.submit("true", account="thesis"), site.submit("exit 3"), site.submit("sleep 60")
    site.wait(cancelled, Phase.RUNNING)
    jobs.cancel(site.transport, [cancelled], [str(site.folders[cancelled])])
    ended = [site.end(job) for job in (good, bad, cancelled)]
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

"""Jobs of the real cluster that Slurm takes away and does not start again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podium.orchestration.slurm import again, jobs
from podium.orchestration.slurm.states import Job, Phase
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_jobs import SAVES, SMALL, Asked, Queue, queue

__all__ = ["queue"]
pytestmark = pytest.mark.slow


@pytest.fixture
def spot(cluster: Cluster) -> Iterator[str]:
    """A partition whose jobs are cancelled where others want their place."""
    cluster.call("scontrol", "create", "PartitionName=spot", "Nodes=ALL", "PriorityTier=1", "PreemptMode=CANCEL")
    yield "spot"
    cluster.call("scancel", "--partition=spot", expect=None)
    until(lambda: not cluster.call("squeue", "--noheader", "--partition=spot"), "an empty partition")
    cluster.call("scontrol", "delete", "PartitionName=spot")


def submit_again(queue: Queue, wanted: jobs.Submission, lost: Job, monkeypatch: pytest.MonkeyPatch) -> str:
    """As the step operator does."""
    monkeypatch.setattr(again, "GATHER", 0.0)
    assert again.may_start_again(queue.transport, lost, wanted.folder, wanted.settings)
    turn = jobs.Turn(queue.transport, wanted, submitted=True)
    job = again.submit_again(queue.transport, "step", wanted.folder, lost, lambda: turn)
    assert job not in (None, lost.id)
    queue.poller.track(job)
    return job


def test_a_preempted_job_goes_on_where_the_site_cancels_it(
    cluster: Cluster, queue: Queue, spot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_one = {"flags": ("--nodelist=n1",)}
    wanted = queue.wanted(SAVES, Asked(2, 1, "50M"), partition=spot, **on_one)
    first = jobs.submit(queue.transport, wanted, patience=60)
    queue.wait(first, Phase.RUNNING)
    until((queue.folder / "job 0" / "ready").exists, "a trap")
    urgent = queue.submit("sleep 1", Asked(2, 1, "50M"), partition="urgent", **on_one)
    lost = queue.end(first)
    assert lost.state == "PREEMPTED"
    second = submit_again(queue, wanted, lost, monkeypatch)
    assert queue.end(urgent).state == "COMPLETED"
    assert queue.end(second).state == "COMPLETED"
    assert (queue.folder / "job 0" / "saved").read_text() == "saved\n"
    assert len((queue.folder / "job 0" / "started").read_text().splitlines()) == 2
    assert not (queue.folder / "job 0" / "environment").exists()


def test_a_job_goes_on_whose_node_is_lost_though_it_may_not_be_requeued(
    cluster: Cluster, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = queue.wanted("[ $(wc -l < started) = 2 ] || sleep 60", SMALL)
    first = jobs.submit(queue.transport, wanted, patience=60)
    cluster.call("scontrol", "update", f"JobId={first}", "Requeue=0")
    node = queue.wait(first, Phase.RUNNING).nodes
    until((queue.folder / "job 0" / "started").exists, "a start")
    cluster.lose(node)
    lost = queue.end(first)
    assert lost.state == "NODE_FAIL"
    assert queue.end(submit_again(queue, wanted, lost, monkeypatch)).state == "COMPLETED"


def test_saved_state_goes_on_where_the_site_refuses_to_queue_a_job_again(
    cluster: Cluster, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = queue.wanted(SAVES)
    first = jobs.submit(queue.transport, wanted, patience=60)
    cluster.call("scontrol", "update", f"JobId={first}", "Requeue=0")
    queue.wait(first, Phase.RUNNING)
    until((queue.folder / "job 0" / "ready").exists, "a trap")
    cluster.call("scancel", "--batch", "--signal=TERM", first)
    lost = queue.end(first)
    assert (lost.state, lost.exit_code) == ("FAILED", 75)
    assert queue.end(submit_again(queue, wanted, lost, monkeypatch)).state == "COMPLETED"

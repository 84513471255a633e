"""Runs of candidates: one each, also after a crash, and without MLflow's global state."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from podium.errors import RegistryError
from podium.registry import tracking
from podium.results import EpochRecord
from podium.settings import Settings
from tests.registry.support import DATA, House, candidate


def start(house: House, *, run: str = "run-1", key: str = "k", unstored: bool = False) -> tracking.CandidateRun:
    return tracking.start_candidate_run(
        house.settings, candidate(), run=run, key=key, data_digest=DATA, tracking=house.client, unstored=unstored
    )


def epoch(number: int) -> EpochRecord:
    return EpochRecord(
        phase="train", epoch=number, train_loss=1 / number, train_accuracy=0.5, validation_loss=2 / number,
        validation_accuracy=0.6, learning_rate=1e-3, seconds=0.1,
    )  # fmt: skip


def all_runs(house: House) -> list:
    return list(house.client.search_runs([tracking.experiment_id(house.client)]))


def test_a_run_holds_configuration_and_figures(house: House) -> None:
    run = start(house)
    run.log_epoch(epoch(1))
    run.log_epoch(epoch(2))
    run.finish({"test_accuracy": 0.91})
    found = house.client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["recipe.model.options.dense"] == "8"
    assert found.data.metrics["test_accuracy"] == 0.91
    assert found.data.tags["podium.run"] == "run-1"
    assert [m.value for m in house.client.get_metric_history(run.run_id, "validation_loss")] == [2.0, 1.0]
    assert found.info.artifact_uri.startswith(house.settings.artifacts.as_uri())


def test_a_killed_run_is_continued_with_other_threads(house: House) -> None:
    """On a GPU they are no part of the key; MLflow refuses to change a parameter."""
    first = start(house)
    other = candidate().model_copy(update={"threads": candidate().threads + 3})
    second = tracking.start_candidate_run(
        house.settings, other, run="run-1", key="k", data_digest=DATA, tracking=house.client
    )
    assert second.run_id == first.run_id
    assert house.client.get_run(first.run_id).data.params["threads"] == str(candidate().threads)


@pytest.mark.slow
def test_a_killed_run_is_continued_without_repeating_epochs(house: House) -> None:
    first = start(house)
    first.log_epoch(epoch(1))
    first.log_epoch(epoch(2))  # then SIGKILL: still RUNNING
    second = start(house, run="run-2")
    assert second.run_id == first.run_id
    second.log_epoch(epoch(2))
    second.log_epoch(epoch(3))
    second.finish()
    history = house.client.get_metric_history(first.run_id, "validation_loss")
    assert [metric.step for metric in history] == [1, 2, 3]
    (only,) = all_runs(house)
    assert (only.info.status, only.data.tags["podium.run"]) == ("FINISHED", "run-2")


@pytest.mark.slow
def test_a_repetition_on_purpose_gets_its_own_run(house: House) -> None:
    first = start(house)
    first.finish()
    assert start(house).run_id == first.run_id  # killed between finish and the step's end
    first.finish()
    assert start(house, run="run-2").run_id != first.run_id


def test_a_finished_run_whose_result_was_not_stored_is_continued(house: House) -> None:
    first = start(house)
    first.log_epoch(epoch(1))
    first.finish()  # then SIGKILL
    second = start(house, run="run-2", unstored=True)
    assert second.run_id == first.run_id
    second.log_epoch(epoch(1))
    second.finish()
    assert [m.step for m in house.client.get_metric_history(first.run_id, "validation_loss")] == [1]
    assert len(all_runs(house)) == 1


def test_a_failed_run_names_its_cause_and_may_be_tried_again(house: House) -> None:
    run = start(house)
    run.fail("NaN loss in epoch 2")
    found = house.client.get_run(run.run_id)
    assert (found.info.status, found.data.tags["podium.cause"]) == ("FAILED", "NaN loss in epoch 2")
    again = start(house)
    assert again.run_id == run.run_id
    assert "podium.cause" not in house.client.get_run(run.run_id).data.tags


@pytest.mark.slow
def test_candidates_in_threads_do_not_mix(house: House) -> None:
    def work(index: int) -> None:
        run = start(house, key=f"k{index}")
        for number in range(1, 4):
            run.log_epoch(epoch(number))
        run.finish({"index": index})

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = all_runs(house)
    assert sorted(run.data.metrics["index"] for run in runs) == list(range(6))
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.slow
def test_processes_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    code = (
        "from podium.settings import Settings; from podium.registry import tracking\n"
        "print(tracking.experiment_id(tracking.client(Settings.from_environment())))"
    )
    environ = {**os.environ, "PODIUM_ROOT": str(tmp_path), "PODIUM_STATE": str(tmp_path / "state")}
    environ.pop("PODIUM_TRACKING_URI", None)
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(set(answers)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state"], "MLflow wrote into the working directory"


def test_a_deleted_experiment_is_restored(house: House) -> None:
    house.client.delete_experiment(tracking.experiment_id(house.client))
    tracking.client(house.settings)
    start(house).finish()
    assert len(all_runs(house)) == 1


def test_an_address_without_store_is_one_error(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, state=tmp_path, tracking_uri="nonsense://nowhere")
    with pytest.raises(RegistryError, match="nonsense://nowhere"):
        tracking.client(settings)

"""Trainings in several processes, through torchrun's agent: results, stops, deaths, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.config import Candidate
from podium.data import Dataset, open_dataset
from podium.errors import TrainingCutShort, TrainingFailed, TrainingStopped
from podium.failures import may_work_next_time
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.results import EpochRecord
from podium.training import Tick, train
from podium.training.checkpoint import CHECKPOINT
from podium.training.launch import FOLDER, _error
from podium.training.messages import Died, Epoch, Failed, Order, Started, read
from podium.training.stopping import Request

from .helpers import candidate, same

pytestmark = pytest.mark.slow

LONG = {"epochs": 100_000, "precision": "float32", "compile": "never"}


def two(model: str = "blocks", **trainer: object) -> Candidate:
    return candidate(model, **trainer).model_copy(update={"processes": 2})


def workers(work: Path) -> dict[int, int]:
    """The living processes of a training, by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().split("\0")
            environment = (folder / "environ").read_text().split("\0")
        except OSError:
            continue
        if str(work / FOLDER / "order.json") in command:
            ranks = [line.removeprefix("RANK=") for line in environment if line.startswith("RANK=")]
            found[int(ranks[0]) if "podium.training.worker" in command else -1] = int(folder.name)
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def test_two_processes_train_as_one(small_dataset: Dataset, tmp_path: Path) -> None:
    """Nothing is left to be measured by one alone: precision, too, is what rank 0 settled."""
    chosen = two("simple", epochs=3)
    records: list[EpochRecord] = []
    ticks: list[Tick] = []
    contract = contract_for(chosen, small_dataset.manifest)
    found = train(
        chosen, small_dataset, contract, work=tmp_path / "two", on_epoch=records.append, on_progress=ticks.append
    )
    alone = train(candidate("simple", epochs=3), small_dataset, contract, work=tmp_path / "one")
    assert [record.epoch for record in records] == [1, 2, 3]
    assert tuple(records) == found.summary.history
    assert {tick.images for tick in ticks} == {96}
    for a, b in zip(alone.summary.history, records, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-4)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-4)
    assert found.summary.processes == 2
    assert not workers(tmp_path / "two")
    again = train(chosen, small_dataset, contract, work=tmp_path / "two")
    assert same(found, again)


SCRIPT = """
import sys
from pathlib import Path
from podium.config import Candidate
from podium.data import open_dataset
from podium.errors import PodiumError
from podium.models.contracts import contract_for
from podium.training import train
chosen = Candidate.model_validate_json(Path(sys.argv[1]).read_text())
dataset = open_dataset(Path(sys.argv[2]))
try:
    train(chosen, dataset, contract_for(chosen, dataset.manifest), work=Path(sys.argv[3]),
          on_epoch=lambda record: print(record.epoch, flush=True))
except PodiumError as error:
    sys.exit(error.exit_code)
"""


def start(chosen: Candidate, dataset: Dataset, work: Path) -> subprocess.Popen[str]:
    """A process that trains; it has finished three epochs."""
    file = work.parent / "candidate.json"
    file.write_text(chosen.model_dump_json())
    command = [sys.executable, "-c", SCRIPT, str(file), str(dataset.path), str(work)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "3":
            break
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGKILL, -9)])
def test_a_signal_ends_all_and_the_training_goes_on(
    number: signal.Signals, status: int, small_dataset: Dataset, tmp_path: Path
) -> None:
    """Also of a process that had no time to tell the others: they save and end once their input does."""
    chosen = two(**{**LONG, "epochs": 40})
    process = start(chosen, small_dataset, tmp_path / "w")
    assert set(workers(tmp_path / "w")) == {-1, 0, 1}
    process.send_signal(number)
    assert process.wait(60) == status
    assert wait_for(lambda: not workers(tmp_path / "w"), 0.1 if status > 0 else 60)
    assert (tmp_path / "w" / CHECKPOINT).is_file()
    contract = contract_for(chosen, small_dataset.manifest)
    resumed = train(chosen, small_dataset, contract, work=tmp_path / "w")
    assert resumed.summary.resumed_from is not None
    assert resumed.summary.resumed_from >= 3
    if number == signal.SIGTERM:
        assert same(resumed, train(chosen, small_dataset, contract, work=tmp_path / "whole"))


def test_a_killed_process_fails_the_training_with_its_cause(small_dataset: Dataset, tmp_path: Path) -> None:
    work = tmp_path / "w"

    def kill(record: EpochRecord) -> None:
        if record.epoch == 2:
            os.kill(workers(work)[1], signal.SIGKILL)

    chosen = two(**LONG)
    contract = contract_for(chosen, small_dataset.manifest)
    with pytest.raises(TrainingCutShort, match="process 2 of 2 was ended by SIGKILL") as caught:
        train(chosen, small_dataset, contract, work=work, on_epoch=kill)
    assert "memory" in caught.value.remedy
    assert not workers(work)


def test_a_killed_agent_leaves_no_process_behind(small_dataset: Dataset, tmp_path: Path) -> None:
    work = tmp_path / "w"

    def kill(record: EpochRecord) -> None:
        if record.epoch == 2:
            os.kill(workers(work)[-1], signal.SIGKILL)

    chosen = two(**LONG)
    with pytest.raises(TrainingFailed, match="the agent of 2 processes ended with status -9"):
        train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=work, on_epoch=kill)
    assert wait_for(lambda: not workers(work), 10)


def test_a_training_of_no_use_says_so_and_one_in_a_thread_can_be_stopped(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    contract = contract_for(two(), small_dataset.manifest)
    with pytest.raises(TrainingFailed, match="loss") as caught:
        train(two(**{**LONG, "learning_rate": 1e6, "optimizer": "sgd"}), small_dataset, contract, work=tmp_path / "n")
    assert "lower the learning rate" in caught.value.remedy
    asked = threading.Event()
    errors: list[BaseException] = []

    def one() -> None:
        try:
            train(
                two(**LONG), small_dataset, contract, work=tmp_path / "w",
                on_epoch=lambda record: asked.set(), stop=asked.is_set,
            )  # fmt: skip
        except TrainingStopped as error:
            errors.append(error)

    thread = threading.Thread(target=one)
    thread.start()
    thread.join(600)
    assert [error.exit_code for error in errors if isinstance(error, TrainingStopped)] == [75]
    assert not workers(tmp_path / "w")
    assert not workers(tmp_path / "n")


def test_a_stop_while_one_computes_features_ends_all(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    """Rank 0 computes, rank 1 waits."""
    chosen = two("transfer", cached_views=4000, augment={"flip": True})
    contract = contract_for(chosen, small_dataset.manifest, store)
    features = tmp_path / "features"
    with pytest.raises(TrainingStopped, match="while features were computed"):
        train(
            *(chosen, small_dataset, contract),
            work=tmp_path / "w",
            weights=store,
            features=features,
            stop=lambda: any(features.glob(".*.new/train.npy")),
        )
    assert not workers(tmp_path / "w")
    (told,) = features.glob(".*.new/train.done")
    assert int(told.read_text()) < 4000 * 96, "whoever comes next goes on there"


def test_two_processes_train_a_head_and_layers_on_features_as_one(
    small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    tune = {"epochs": 2, "learning_rate": 0.001, "unfreeze": "3", "freeze_norm": True, "cached_views": 2}
    settings = {"epochs": 60, "learning_rate": 0.05, "cached_views": 2, "augment": {"flip": True}, "fine_tune": tune}
    found = []
    for chosen in (two("transfer", **settings), candidate("transfer", **settings)):
        contract = contract_for(chosen, small_dataset.manifest, store)
        found.append(train(chosen, small_dataset, contract, work=tmp_path / str(chosen.processes), weights=store))
    for a, b in zip(found[0].summary.history, found[1].summary.history, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-3)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-3)


def test_a_data_set_that_a_process_cannot_open_is_named(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = two(**LONG)
    dataset = open_dataset(small_dataset.path)
    (small_dataset.path / "dataset.json").unlink()
    with pytest.raises(Exception, match=r"data") as caught:
        train(chosen, dataset, contract_for(chosen, dataset.manifest), work=tmp_path / "w")
    assert type(caught.value).__name__ == "DataError"


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(28, "No space left on device"), True),
        (MemoryError(), True),
        (TrainingCutShort("x"), True),
        (TrainingFailed("x"), False),
        (RuntimeError("CUDA out of memory"), False),
    ],
)
def test_what_a_process_met_from_outside_may_work_next_time(error: Exception, again: bool, tmp_path: Path) -> None:
    told = Failed(rank=1, error=type(error).__name__, message="x", outside=may_work_next_time(error))
    order = Order.model_construct(candidate=two())
    raised = _error(told, order, Request(), tmp_path)
    assert isinstance(raised, TrainingFailed)
    assert may_work_next_time(raised) == again


def test_what_others_print_is_no_message() -> None:
    assert read("a library's banner\n") is None
    assert read('{"kind": "odd"}') is None
    for message in (Started(rank=0, pid=7), Failed(rank=1, error="OSError", message="[x]"), Died(rank=0, status=-9)):
        assert read(message.model_dump_json()) == message
    assert read(Epoch.model_json_schema().__repr__()) is None

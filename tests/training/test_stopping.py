"""Trainings stopped between two steps, or killed: the same bits as without it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from podium.data import Dataset, open_dataset, write_dataset
from podium.errors import TrainingStopped
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.results import EpochRecord
from podium.training import Tick, train
from podium.training.stopping import Request, Stop, heeding_signals

from ..conftest import make_arrays
from .helpers import candidate, same
from .test_engine import FULL
from .test_resume import CASES, fit


def stop_after(steps: int) -> Stop:
    """Ask for a stop before the step numbered ``steps``, counted from 0 over all epochs."""
    asked = iter(range(steps))
    return lambda: next(asked, None) is None


QUICK = {"rmsprop"}


@pytest.mark.parametrize("case", [pytest.param(c, marks=[] if c in QUICK else pytest.mark.slow) for c in sorted(CASES)])
def test_a_training_stopped_between_two_steps_gives_the_same_bits(
    case: str, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    model, settings = CASES[case]
    chosen = candidate(model, **settings)
    whole = fit(chosen, small_dataset, tmp_path / "whole", store)
    draw = random.Random(case)
    done, stops = 0, 0
    steps = 6 * whole.summary.epochs
    while done < steps:
        more = draw.choice([0, 1, draw.randrange(2, 20)])
        if done + more >= steps:
            break
        with pytest.raises(TrainingStopped, match="after step"):
            fit(chosen, small_dataset, tmp_path / "work", store, stop=stop_after(more))
        done, stops = done + more, stops + 1
    assert stops > 2
    resumed = fit(chosen, small_dataset, tmp_path / "work", store)
    assert same(whole, resumed)


@pytest.mark.slow
def test_an_image_left_over_by_the_batches_is_trained_on(tmp_path: Path, store: WeightsStore) -> None:
    """33 images in batches of 16: two steps an epoch, also after a stop between them."""
    splits = {name: make_arrays(33, seed=n) for n, name in enumerate(("train", "validation", "test"))}
    names = ("left", "middle", "right")
    write_dataset(tmp_path / "data", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
    dataset = open_dataset(tmp_path / "data")
    chosen = candidate("blocks", epochs=8, learning_rate=0.01)
    options = {**chosen.recipe.model.options, "dense_norm": True}
    model = chosen.recipe.model.model_copy(update={"options": options})
    chosen = chosen.model_copy(update={"recipe": chosen.recipe.model_copy(update={"model": model})})
    ticks: list[Tick] = []
    contract = contract_for(chosen, dataset.manifest)
    whole = train(chosen, dataset, contract, work=tmp_path / "whole", on_progress=ticks.append)
    assert [(tick.step, tick.steps) for tick in ticks] == [(2, 2)] * 8
    assert ticks[-1].loss == pytest.approx(whole.summary.history[-1].train_loss)
    with pytest.raises(TrainingStopped, match="in epoch 2 after step 1"):
        fit(chosen, dataset, tmp_path / "w", store, stop=stop_after(3))
    assert same(whole, fit(chosen, dataset, tmp_path / "w", store))


@pytest.mark.slow
def test_a_stop_says_where_and_how_to_go_on(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    with pytest.raises(TrainingStopped) as caught:
        fit(candidate(), small_dataset, tmp_path / "w", store, stop=stop_after(8))
    assert caught.value.message == "tiny_simple: stopped in epoch 2 after step 2"
    assert "run the same command again" in caught.value.remedy
    assert caught.value.exit_code == 75


def nobody(number: int, _: object) -> None:
    """The handler of who does not heed a signal; SIGINT is ignored where the tests run in a shell's background."""
    raise AssertionError(f"signal {number} met nobody who heeds it")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_after_the_step_and_handlers_come_back(
    number: int, status: int, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    epochs: list[int] = []

    def on_epoch(record: EpochRecord) -> None:
        epochs.append(record.epoch)
        os.kill(os.getpid(), number)

    usual = signal.signal(number, nobody)
    try:
        with pytest.raises(TrainingStopped) as caught:
            fit(candidate(), small_dataset, tmp_path / "w", store, on_epoch)
        assert signal.getsignal(number) is nobody
    finally:
        signal.signal(number, usual)
    assert caught.value.exit_code == status
    assert epochs == [1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_nobody_stopped_for_is_passed_on(number: int) -> None:
    """It came after the last step: the caller's own handler decides what becomes of the rest."""
    passed: list[int] = []
    before = signal.signal(number, lambda n, _: passed.append(n))
    try:
        with heeding_signals() as outer:
            with heeding_signals() as stop:
                os.kill(os.getpid(), number)
                assert stop()
            assert outer()  # it is asked for its block to end
            assert not passed
            assert outer.error("x", "there").exit_code == (130 if number == signal.SIGINT else 75)
        assert not passed
        with heeding_signals():
            os.kill(os.getpid(), number)
        assert passed == [number]
    finally:
        signal.signal(number, before)


def test_a_stop_in_a_thread_counts_for_who_asked_it() -> None:
    passed: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda n, _: passed.append(n))
    try:
        with heeding_signals() as outer, ThreadPoolExecutor(1) as pool:
            os.kill(os.getpid(), signal.SIGTERM)
            assert pool.submit(lambda: Request(outer).error("x", "there").exit_code).result() == 75
        assert not passed
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_stop_reaches_trainings_in_threads(small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
    asked = threading.Event()

    def one(seed: int) -> BaseException | None:
        chosen = candidate(seed=seed, epochs=10_000, precision="float32", compile="never")
        with pytest.raises(TrainingStopped) as caught:
            fit(chosen, small_dataset, tmp_path / str(seed), store, lambda _: asked.set(), asked.is_set)
        return caught.value

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(one, [1, 2]))
    assert all((tmp_path / str(seed) / "checkpoint.safetensors").is_file() for seed in (1, 2))


@pytest.mark.parametrize("which", ["work/lock", "tuning/lock"])
def test_a_stop_reaches_who_waits_for_another_training(which: str, small_dataset: Dataset, tmp_path: Path) -> None:
    chosen, asked, errors = candidate(epochs=1), threading.Event(), list[TrainingStopped]()
    contract = contract_for(chosen, small_dataset.manifest)
    (tmp_path / which).parent.mkdir()

    def one() -> None:
        places = {"work": tmp_path / "work", "tuning": tmp_path / "tuning"}
        with pytest.raises(TrainingStopped) as caught:
            train(chosen, small_dataset, contract, stop=asked.is_set, **places)
        errors.append(caught.value)

    with FileLock(tmp_path / which):
        waiting = threading.Thread(target=one, daemon=True)
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        asked.set()
        waiting.join(30)
        assert not waiting.is_alive()
    assert errors[0].message.startswith("tiny_simple: stopped while ")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_reaches_who_waits_for_another_run(
    number: int, status: int, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    (tmp_path / "w").mkdir()

    def send() -> None:
        while signal.getsignal(number) is nobody:
            time.sleep(0.02)
        time.sleep(0.2)  # within which it begins to wait
        os.kill(os.getpid(), number)

    alarm = threading.Thread(target=send, daemon=True)
    usual = signal.signal(number, nobody)
    try:
        with FileLock(tmp_path / "w" / "lock"):
            alarm.start()
            with pytest.raises(TrainingStopped, match="waited for another run") as caught:
                fit(candidate(), small_dataset, tmp_path / "w", store)
    finally:
        signal.signal(number, usual)
    assert caught.value.exit_code == status


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_process_is_continued(
    number: signal.Signals, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
) -> None:
    """SIGTERM, as schedulers send it, loses nothing; SIGKILL at most the epoch that goes on."""
    chosen = candidate("blocks", epochs=30, **{**FULL, "early_stopping": None})
    whole = fit(chosen, small_dataset, tmp_path / "whole", store)
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "candidate.json").write_text(chosen.model_dump_json())
    script = f"""
import sys
from pathlib import Path
from podium.config import Candidate
from podium.data import open_dataset
from podium.errors import PodiumError
from podium.models.contracts import contract_for
from podium.training import train
chosen = Candidate.model_validate_json(Path({str(tmp_path / "candidate.json")!r}).read_text())
dataset = open_dataset(Path({str(small_dataset.path)!r}))
try:
    train(chosen, dataset, contract_for(chosen, dataset.manifest), work=Path({str(work)!r}),
          on_epoch=lambda record: print(record.epoch, flush=True), on_progress=lambda tick: print("tick", flush=True))
except PodiumError as error:
    sys.exit(error.exit_code)
"""
    for victim in random.Random(os.getpid()).sample(range(1, 7), 2):
        reached = 0
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdigit() and (reached := int(line)) >= victim:
                time.sleep(random.Random(victim).random() * 0.02)  # anywhere within the next epoch or its checkpoint
                process.send_signal(number)
                break
        assert process.wait(300) == (75 if number == signal.SIGTERM else -number)
        assert not (work / "finished").exists()
    resumed = fit(chosen, small_dataset, work, store)
    assert same(whole, resumed)
    assert resumed.summary.resumed_from is not None
    assert resumed.summary.resumed_from >= reached

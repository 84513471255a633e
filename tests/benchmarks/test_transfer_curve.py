"""``benchmarks/transfer_curve.py``: what it draws, trains, tells and shows."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.data import Dataset, write_dataset
from podium.errors import DataError
from podium.models import EMBEDDED_WEIGHTS
from podium.results import ClassMetrics, EpochRecord, Metrics, TrainingSummary
from tests.conftest import ROOT, make_arrays

sys.path.insert(0, str(ROOT / "benchmarks"))
import transfer_curve
import transfer_curve_report
from recipe_training import Result
from subsets import Subset
from transfer_curve_report import Measured

KIND = {"scratch": ("train",), "frozen": ("head",), "fine_tuned": ("head", "fine_tune")}


def result(test: float, variant: str = "scratch") -> Result:
    """Of two epochs of 100 images in each phase, 5 s an epoch, after 2 s for features."""
    history = tuple(
        EpochRecord(
            phase=phase, epoch=epoch, train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5,
            learning_rate=0.1, seconds=5,
        )
        for phase in KIND[variant] for epoch in (1, 2)
    )  # fmt: skip
    seconds = 5 * len(history) + (2 if variant != "scratch" else 0)
    summary = TrainingSummary(
        candidate=variant, recipe=variant, parameters=10, trainable_parameters=10, epochs=len(history), best_epoch=2,
        stopped_early=False, train_seconds=seconds, images_per_second=len(history) * 100 / seconds, device="cpu",
        threads=1, peak_memory=100 * 2**20, seed=0, resumed_from=None, history=history,
    )  # fmt: skip
    metrics = [
        Metrics(
            candidate=variant, split=split, data_digest="d", count=200, loss=1, accuracy=accuracy, accuracy_low=0,
            accuracy_high=1, macro_precision=0.5, macro_recall=0.5, macro_f1=0.5,
            per_class=(ClassMetrics(name="a", precision=1, recall=1, f1=1, support=1),), confusion=((1,),),
            milliseconds_per_image=1,
        )
        for split, accuracy in (("validation", 0.5), ("test", test))
    ]  # fmt: skip
    return Result(summary=summary, cpu_seconds=60, validation=metrics[0], test=metrics[1], hardware="a", code="c")


@pytest.fixture
def measured() -> Measured:
    """Two seeds; of the frozen one of them is missing at 500."""
    results = {}
    for size, (scratch, gain) in {50: (0.3, 0.25), 500: (0.6, 0.1), 5000: (0.88, 0.01)}.items():
        for seed in (0, 1):
            results[size, "scratch", seed] = result(scratch + 0.02 * seed)
            results[size, "fine_tuned", seed] = result(scratch + gain + 0.03 * seed, "fine_tuned")
            results[size, "frozen", seed] = result(scratch + 0.05, "frozen")
    del results[500, "frozen", 1]
    return Measured(results, (50, 500, 5000), ("scratch", "frozen", "fine_tuned"), (0, 1))


def test_a_draw_is_balanced_and_a_tenth_of_it_validates(small_dataset: Dataset) -> None:
    drawn = Subset(images=20, seed=1).of(small_dataset)
    labels = {name: np.bincount(drawn[name].labels).tolist() for name in ("train", "validation")}
    assert labels == {"train": [18] * 3, "validation": [2] * 3}
    assert drawn.manifest.splits["train"].per_class == (18, 18, 18)
    images = [image.tobytes() for name in ("train", "validation") for image in drawn[name].images]
    there = {
        image.tobytes(): label
        for name in ("train", "validation")
        for image, label in zip(small_dataset[name].images, small_dataset[name].labels, strict=True)
    }
    assert len(set(images)) == 60
    assert [there[image] for image in images] == [*drawn["train"].labels, *drawn["validation"].labels]
    assert drawn["test"] is small_dataset["test"]
    mean = drawn["train"].images.mean(axis=(0, 1, 2)) / 255
    assert drawn.manifest.mean == pytest.approx(tuple(mean), abs=1e-6)


def test_a_draw_follows_from_its_seed(small_dataset: Dataset) -> None:
    def drawn(images: int, seed: int) -> set[int]:
        parts = Subset(images=images, seed=seed).indices(small_dataset)
        return {int(index) for part in parts.values() for index in part}

    digests = {Subset(images=20, seed=seed).digest(small_dataset) for seed in (0, 0, 1)}
    assert len(digests) == 2
    assert Subset(images=20, seed=1).of(small_dataset).manifest.digest in digests
    assert drawn(20, 0) == drawn(20, 0) != drawn(20, 1)
    assert drawn(10, 0) < drawn(20, 0)


def test_more_images_than_there_are_cannot_be_drawn(small_dataset: Dataset) -> None:
    assert transfer_curve.subset_of(small_dataset, 42, 0) is None  # all of them
    with pytest.raises(DataError, match="42 labelled images of 'left', not 43"):
        Subset(images=43, seed=0).digest(small_dataset)


@pytest.mark.parametrize("size", transfer_curve.BUDGETS)
def test_both_networks_are_alike_but_for_the_weights(size: int) -> None:
    budget = transfer_curve.BUDGETS[size]
    scratch, frozen, tuned = (transfer_curve.recipe_of(v, size, budget) for v in transfer_curve.VARIANTS)
    assert scratch.model.options == {"depth": 20, "width": 16}
    assert tuned.model.options == {**scratch.model.options, "weights": "resnet20_tinyimagenet32"}
    phase = tuned.trainer.fine_tune
    assert phase
    assert (phase.epochs, phase.optimizer) == (scratch.trainer.epochs, scratch.trainer.optimizer)
    same = ("batch_size", "schedule", "weight_decay", "momentum", "augment", "precision", "compile", "early_stopping")
    assert all(getattr(scratch.trainer, name) == getattr(tuned.trainer, name) for name in same)
    assert frozen.trainer == tuned.trainer.model_copy(update={"fine_tune": None})


def test_what_a_result_depends_on_has_a_folder_of_its_own(small_dataset: Dataset, tmp_path: Path) -> None:
    def folder(size: int = 20, seed: int = 0, epochs: int = 2) -> Path:
        budget = transfer_curve.Budget(epochs, 32, 0.1, 0.01, 2)
        recipe = transfer_curve.recipe_of("fine_tuned", 50, budget)
        return transfer_curve.task_of(
            small_dataset, recipe, size, seed, threads=1, work=tmp_path, weights=EMBEDDED_WEIGHTS
        )[1]

    assert folder() == folder()
    assert len({folder(), folder(size=30), folder(seed=1), folder(epochs=3)}) == 4


def test_gains_are_paired_by_seed(measured: Measured) -> None:
    assert transfer_curve_report.accuracies(measured, 50, "scratch") == [
        ".3100 ± .0141", ".3000, .3200", "", "", ".5000 ± .0000",
    ]  # fmt: skip
    assert transfer_curve_report.accuracies(measured, 50, "fine_tuned") == [
        ".5650 ± .0212", ".5500, .5800", "+.2550 ± .0071", "+.2500, +.2600", ".5000 ± .0000",
    ]  # fmt: skip
    assert transfer_curve_report.accuracies(measured, 500, "frozen") == [
        ".6500 (1 seeds missing)", ".6500, -", "+.0500", "+.0500, -", ".5000",
    ]  # fmt: skip
    none = Measured({}, (50,), ("scratch",), (0,))
    assert transfer_curve_report.accuracies(none, 50, "scratch") == ["not measured"]


def test_each_phase_has_its_speed(measured: Measured) -> None:
    times = transfer_curve_report.times(measured, 50, "fine_tuned")
    assert times == ["2 + 2", "0.4 ± 0.0", "1.0 ± 0.0", "2.0, 2.0", "20 ± 0", "20 ± 0", "100"]
    assert transfer_curve_report.times(measured, 500, "frozen")[3:6] == ["2.0", "20", ""]
    assert transfer_curve_report.times(measured, 50, "scratch")[3:6] == ["", "", "20 ± 0"]


def test_the_title_tells_the_gains(measured: Measured) -> None:
    title = "Fine-tuned minus from scratch: +25.5, +10.5, +1.5 points with 50, 500, 5,000 images a class"
    assert transfer_curve_report.finding(measured) == title
    alone = Measured({(50, "frozen", 0): result(0.5, "frozen")}, (50, 500), ("frozen",), (0,))
    assert transfer_curve_report.finding(alone) == "Test accuracy over labelled images a class"


@pytest.mark.slow
def test_the_picture_is_a_small_png(measured: Measured) -> None:
    png = transfer_curve_report.picture(measured, "noise")
    assert len(png) < 80_000
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.size) == ("PNG", (1200, 800))


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    counts = {"train": 150, "validation": 30, "test": 30}
    splits = {name: make_arrays(count, side=16, seed=seed) for seed, (name, count) in enumerate(counts.items())}
    names = ("left", "middle", "right")
    write_dataset(tmp_path / "data", splits, name="thirds", class_names=names, source="made", licence="CC0-1.0")
    script = str(ROOT / "benchmarks" / "transfer_curve.py")
    return [sys.executable, script, str(tmp_path / "data"), "--work", str(tmp_path / "work"), "--sizes", "50"]


@pytest.mark.slow
def test_all_variants_are_trained_once_and_told(command: list[str], tmp_path: Path) -> None:
    command += ["--seeds", "0", "--epochs", "15", "--head-epochs", "200", "--picture", str(tmp_path / "curve.png")]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert "not measured" not in first.stdout
    assert "backbone resnet20_tinyimagenet32, SHA-256" in first.stdout
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert len([place for place in (tmp_path / "work" / "features").iterdir() if place.is_dir()]) == 1
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.stdout, again.stderr) == (first.stdout, "")


@pytest.mark.slow
def test_an_interrupted_background_job_keeps_its_state(command: list[str], tmp_path: Path) -> None:
    command += ["--seeds", "0", "--variants", "scratch", "--epochs", "2000"]
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as a shell's `&` does
    with subprocess.Popen([*ignoring, *command], stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 600
        while not list((tmp_path / "work").glob("*/*/training/checkpoint.safetensors")) and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(600) == 75
    assert list((tmp_path / "work").glob("*/*/training/checkpoint.safetensors"))
    assert not list((tmp_path / "work").glob("*/*/result.json"))

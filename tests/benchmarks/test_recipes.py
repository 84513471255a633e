"""``benchmarks/recipes.py`` on a made data set with a tiny recipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podium.data import Dataset
from tests.conftest import ROOT

RECIPE = """
id: tiny
source: made
published_accuracy: 0.5
model: {family: simple_cnn, options: {filters: [8, 8], dense: 16}}
trainer: {epochs: 1, batch_size: 16, optimizer: adam, learning_rate: 0.003, precision: float32, compile: never}
"""


@pytest.fixture
def command(tmp_path: Path, small_dataset: Dataset) -> list[str]:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "tiny.yaml").write_text(RECIPE)
    return [
        *(sys.executable, str(ROOT / "benchmarks" / "recipes.py"), str(small_dataset.path)),
        *("--work", str(tmp_path / "work"), "--recipes-dir", str(tmp_path / "recipes"), "--recipes", "tiny"),
    ]


def run(command: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *more], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_each_seed_is_trained_once_and_told_in_the_table(command: list[str], tmp_path: Path) -> None:
    first = run(command, "--seeds", "0", "1", "--epochs", "6")
    assert first.returncode == 0, first.stderr
    results = {int(p.parent.name.split("-")[1]): p for p in (tmp_path / "work").glob("tiny/*/result.json")}
    tests = [json.loads(results[seed].read_text())["test"] for seed in (0, 1)]
    accuracies = ", ".join(f"{t['accuracy']:.4f}".removeprefix("0") for t in tests)
    line = next(line for line in first.stdout.splitlines() if line.startswith("| `tiny`"))
    assert f"| {accuracies} |" in line
    assert "| 6, 6 |" in line
    assert "| .5000 |" in line
    assert "96 train, 30 validation, 30 test images" in first.stdout
    written = {seed: path.stat().st_mtime_ns for seed, path in results.items()}

    more = run(command, "--seeds", "0", "1", "2", "--epochs", "6", "--table")
    assert more.returncode == 0, more.stderr
    assert "`tiny` (1 seeds missing)" in more.stdout
    assert run(command, "--seeds", "0", "1", "--epochs", "6").stdout == first.stdout
    assert {seed: path.stat().st_mtime_ns for seed, path in results.items()} == written
    assert "not measured" in run(command, "--seeds", "0", "--epochs", "7", "--table").stdout


@pytest.mark.slow
def test_a_stopped_training_goes_on(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen([*command, "--seeds", "0", "--epochs", "2000"], stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 600
        while not list((tmp_path / "work").glob("tiny/*/training/checkpoint.safetensors")) and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(600) == 75
        assert process.stderr
        assert "goes on from here" in process.stderr.read().decode()
    (kept,) = (tmp_path / "work").glob("tiny/*/cpu_seconds")
    assert float(kept.read_text()) > 0
    assert not list((tmp_path / "work").glob("tiny/*/result.json"))
    assert list((tmp_path / "work").glob("tiny/*/training/checkpoint.safetensors"))


@pytest.mark.slow
def test_a_signal_that_comes_when_a_training_has_ended_is_heeded(tmp_path: Path) -> None:
    """While it is evaluated, say: its process ends with 0, and the next training is not begun."""
    script = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
        "import recipes\n"
        "from types import SimpleNamespace as N\n"
        "from pathlib import Path\n"
        "begun = []\n"
        "def one(task, data, folder, stop):\n"
        "    begun.append(task.candidate.name)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return 0\n"
        "recipes.train_one = one\n"
        "tasks = [(N(candidate=N(name=n, seed=0)), Path('/nonexistent')) for n in 'ab']\n"
        "print(recipes.train_all(tasks, Path('x')), begun)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "75 ['a']\n"), done.stderr


@pytest.mark.slow
def test_an_unknown_recipe_is_refused(command: list[str]) -> None:
    refused = run([*command, "tinny"], "--table")
    assert refused.returncode == 2
    assert "there is no recipe 'tinny'" in refused.stderr
    assert "Traceback" not in refused.stderr

"""``benchmarks/gpu.py`` as far as it goes without a GPU: what the package reads, and the refusal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from podium.data import Dataset, open_dataset
from podium.data.writing import write_dataset
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import gpu
import record_package


@pytest.fixture
def cifar(tmp_path: Path) -> Dataset:
    """Noise in the shape of CIFAR-10."""
    rng = np.random.default_rng(0)
    splits = {
        name: (rng.integers(0, 256, (count, 32, 32, 3), np.uint8), np.arange(count) % 10)
        for name, count in (("train", 40), ("validation", 10), ("test", 20))
    }
    names = [f"class {number}" for number in range(10)]
    write_dataset(tmp_path / "data", splits, name="noise", class_names=names, source="made", licence="CC0-1.0")
    return open_dataset(tmp_path / "data")


class Loader:
    """Reads what the package's own loader reads."""

    def __init__(self, path: str, train: bool = True, batch_size: int = 500) -> None:
        data = torch.load(Path(path) / ("train.pt" if train else "test.pt"))
        self.images, self.labels, self.classes = data["images"], data["labels"], data["classes"]


def test_the_package_finds_the_images_of_the_data_set(cifar: Dataset, tmp_path: Path) -> None:
    record_package.write_files(cifar, tmp_path)
    before = Path.cwd()
    found = SimpleNamespace(
        train94=lambda verbose: Loader("cifar10"),
        CifarLoader=Loader,
        evaluate=lambda net, loader, tta_level: len(loader.images) / len(net.images),
    )
    trained = record_package.train(found, tmp_path, 0)
    assert np.array_equal(trained.images.numpy(), cifar["train"].images)
    assert trained.labels.tolist() == cifar["train"].labels.tolist()
    assert trained.classes == list(cifar.manifest.class_names)
    share = len(cifar["test"].images) / len(cifar["train"].images)
    assert record_package.accuracy(found, tmp_path, trained) == share
    assert Path.cwd() == before


def test_other_images_are_refused(small_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 32×32 and ten"):
        record_package.write_files(small_dataset, tmp_path)


def test_ratios_are_of_medians() -> None:
    runs = [gpu.Run(seconds, seconds + 1, 0.94) for seconds in (2.0, 3.0, 10.0)]
    assert gpu.row("Podium", runs, 6.0) == "| Podium | 3.00 (4.00) | 0.50 | 0.9400 ± 0.0000 | 3 |"


@pytest.mark.slow
def test_without_a_gpu_nothing_is_measured(cifar: Dataset) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), str(cifar.path)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no GPU is at hand" in done.stderr
    assert "Traceback" not in done.stderr

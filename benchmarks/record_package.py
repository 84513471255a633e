"""The public record holder's package, airbench (Jordan 2024, arXiv 2404.00498), for ``gpu.py``.

It reads CIFAR-10 from two files below the working directory, ``cifar10/train.pt`` and ``test.pt``, and downloads them
where there are none. Here they are written from an imported data set, so that both train on the same images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from podium.data import Dataset

SIDE = 32
TEST_VIEWS = 2
"""Its level of test-time augmentation: mirrored and shifted."""


def write_files(dataset: Dataset, folder: Path) -> None:
    """Write ``cifar10/train.pt`` and ``test.pt``.

    Args:
        dataset: 32×32 images of ten classes; ``validation`` is left out, as Podium's engine does not train on it.
        folder: Working directory of ``train``.

    Raises:
        ValueError: The images have another size, or there are other than ten classes.
    """
    manifest = dataset.manifest
    if (manifest.height, manifest.width) != (SIDE, SIDE) or len(manifest.class_names) != 10:
        raise ValueError(f"{manifest.height}×{manifest.width}, {len(manifest.class_names)} classes: not 32×32 and ten")
    (folder / "cifar10").mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        of = dataset[split]
        content = {
            "images": torch.from_numpy(np.array(of.images)),
            "labels": torch.from_numpy(np.array(of.labels)),
            "classes": list(manifest.class_names),
        }
        torch.save(content, folder / "cifar10" / f"{split}.pt")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def warm_up(package: ModuleType, folder: Path) -> None:
    """What its authors do before they measure."""
    with _inside(folder):
        package.warmup94(verbose=False)


def train(package: ModuleType, folder: Path, seed: int) -> torch.nn.Module:
    """Train as it is published: 9.9 epochs."""
    torch.manual_seed(seed)
    with _inside(folder):
        return package.train94(verbose=False)


def accuracy(package: ModuleType, folder: Path, net: torch.nn.Module) -> float:
    """On the test images, with its own views."""
    with _inside(folder):
        loader = package.CifarLoader("cifar10", train=False, batch_size=2000)
        return float(package.evaluate(net, loader, tta_level=TEST_VIEWS))

"""What reaches a network: normalization, and images that are not copied on their way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from podium.config import ModelConfig, TrainerConfig
from podium.contract import InputContract
from podium.data import Dataset, Split
from podium.models import build
from podium.training.inputs import Normalizer, to_device
from podium.training.optimizers import make_optimizer

from ..models.helpers import contract

CPU = torch.device("cpu")


def test_normalization_is_the_contracts() -> None:
    rule = InputContract(
        height=4, width=5, mean=(0.1, 0.5, 0.9), std=(0.2, 0.25, 0.3), class_names=("a", "b"), resize="pad"
    )
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    images[0], images[1] = 0, 255
    expected = (images / 255 - np.array(rule.mean)) / np.array(rule.std)
    found = Normalizer.of(rule, CPU)(torch.from_numpy(images))
    assert found.shape == (6, 3, 4, 5)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert np.allclose(found.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert (found.min().item(), found.max().item()) == pytest.approx(rule.normalized_range(), abs=1e-6)


def test_a_mapped_file_is_neither_copied_nor_changed(small_dataset: Dataset) -> None:
    split = small_dataset["train"]
    before = split.images.copy()
    images, labels = to_device(split, CPU)
    assert isinstance(split.images, np.memmap)
    maps = [line for line in open("/proc/self/maps") if str(split.images.filename) in line]  # noqa: SIM115
    assert any(_within(images.data_ptr(), line) for line in maps), "the images were copied into memory"
    images[0] = 255
    labels[0] = 2
    assert np.array_equal(split.images, before)
    assert split.labels[0] == 0


def test_a_slice_of_a_mapped_file_is_that_slice(small_dataset: Dataset) -> None:
    whole = small_dataset["train"]
    for where in (slice(4, 8), slice(0, 3), slice(4, 20, 2)):
        images, labels = to_device(Split(whole.images[where], whole.labels[where]), CPU)
        assert np.array_equal(images, np.array(whole.images)[where])
        assert np.array_equal(labels, np.array(whole.labels)[where])
    twice, _ = to_device(Split(whole.images[4:20][2:5], whole.labels[6:9]), CPU)
    assert np.array_equal(twice, np.array(whole.images)[6:9])


def _within(address: int, line: str) -> bool:
    start, end = (int(part, 16) for part in line.split(maxsplit=1)[0].split("-"))
    return start <= address < end


def test_weight_decay_spares_biases_and_batchnorm() -> None:
    net = build(ModelConfig(family="resnet", options={"depth": 8}), contract(), seed=0)
    optimizer = make_optimizer(net, TrainerConfig(optimizer="sgd", weight_decay=0.01), 0.1)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in net.named_parameters():
        spared = name.endswith("bias") or "norm" in name or name.endswith("shortcut.1.weight")
        assert decay[id(parameter)] == (0.0 if spared else 0.01), name

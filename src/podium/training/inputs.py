"""Images on their way into a network: checked against the input contract, then normalized."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from podium.contract import InputContract
from podium.data import Dataset, Split
from podium.errors import DataError
from podium.kernels import images as kernel


def check_contract(contract: InputContract) -> None:
    """Refuse a contract under which a network would see values that it was not trained on.

    Raises:
        DataError: names the cause, such as statistics that are not on [0, 1].
    """
    if problem := contract.problem():
        raise DataError(
            f"the input contract contradicts itself: {problem}",
            remedy="give the mean and standard deviation that the backbone was trained with, of values on [0, 1]",
        )


def check_images(images: NDArray, contract: InputContract, where: str = "images") -> None:
    """Refuse images that break the contract: anything but uint8 N×H×W×3 of the contract's size.

    Raises:
        DataError: names dtype, shape or range as found and as expected.
    """
    check_contract(contract)
    if images.dtype != np.uint8:
        raise DataError(
            f"{where}: {images.dtype} values; the input contract asks for uint8 from 0 to 255",
            remedy="pass images as decoded: the network's normalization is applied for you",
        )
    expected = (contract.height, contract.width, 3)
    if images.ndim != 4 or images.shape[1:] != expected:
        raise DataError(
            f"{where}: shape {images.shape}; the input contract asks for N×{'×'.join(map(str, expected))}",
            remedy="bring the images to this size with podium.data.images.decode_image",
        )


def check_dataset(dataset: Dataset, contract: InputContract) -> None:
    """Refuse a data set that breaks the contract, before anything is trained on it.

    Raises:
        DataError: Wrong classes, dtype, shape or label, or images whose values were scaled to [0, 1].
    """
    if dataset.manifest.class_names != contract.class_names:
        raise DataError(
            f"{dataset.path}: its {len(dataset.manifest.class_names)} classes are not the contract's"
            f" {len(contract.class_names)}",
            remedy="derive the contract from this data set with podium.models.contracts.contract_for",
        )
    for name in ("train", "validation"):
        split = dataset[name]
        check_images(split.images, contract, f"{dataset.path}: {name}")
        if len(split) == 0:
            raise DataError(f"{dataset.path}: {name} is empty", remedy="import images for every split")
        if split.labels.min() < 0 or split.labels.max() >= len(contract.class_names):
            raise DataError(
                f"{dataset.path}: {name}: labels run from {split.labels.min()} to {split.labels.max()};"
                f" {len(contract.class_names)} classes are named",
                remedy="correct the labels or name every class",
            )
        if split.images[:1024].max() <= 1:
            raise DataError(
                f"{dataset.path}: {name}: no value is above 1: images were scaled to [0, 1] before they were stored",
                remedy="import images with values from 0 to 255",
            )


@dataclass(frozen=True)
class Normalizer:
    """The contract's normalization as one multiply-add a value, on the device."""

    scale: Tensor
    bias: Tensor

    @classmethod
    def of(cls, contract: InputContract, device: torch.device) -> Normalizer:
        """Prepare the constants."""
        mean = torch.tensor(contract.mean, dtype=torch.float64)
        std = torch.tensor(contract.std, dtype=torch.float64)
        scale, bias = 1 / (255 * std), -mean / std
        return cls(scale.to(device, torch.float32), bias.to(device, torch.float32))

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 N×H×W×3 → float32 N×3×H×W, lying in memory as channels-last."""
        if kernel.wanted(images):
            return kernel.normalize(images, self.scale, self.bias).permute(0, 3, 1, 2)
        return torch.addcmul(self.bias, images.to(torch.float32), self.scale).permute(0, 3, 1, 2)


def to_device(split: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (uint8 N×H×W×3) and labels (int64 N) on the device; on the CPU a memory-mapped file is not copied."""
    labels = torch.from_numpy(np.array(split.labels))
    return torch.from_numpy(_writable(split.images)).to(device), labels.to(device)


def _writable(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same values in memory that torch accepts as writable; private pages if the array is a mapped file."""
    if array.flags.writeable:
        return array
    whole = array
    while isinstance(whole.base, np.memmap):  # a slice has the offset of what it was cut from
        whole = whole.base
    if isinstance(whole, np.memmap) and isinstance(whole.base, mmap.mmap) and array.flags.c_contiguous:
        offset = whole.offset + array.ctypes.data - whole.ctypes.data
        return np.memmap(whole.filename, array.dtype, "c", offset, array.shape)
    return np.array(array)

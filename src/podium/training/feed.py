"""A split's images on their way to the device: all there from the start, or streamed, in the same batches."""

from __future__ import annotations

import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing, suppress
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from podium.data import Split
from podium.training.hardware import free_memory
from podium.training.inputs import to_device

log = logging.getLogger(__name__)

MARGIN: Final = 4 << 30
"""Bytes of the device's free memory that are left to the network; see ``margin``."""
AHEAD: Final = 2
"""Batches that a stream gathers before they are asked for."""


class Batch(NamedTuple):
    """Some images of a split, on the device."""

    places: Tensor
    """int64 B: their places in the split."""
    images: Tensor
    """uint8 B×H×W×3."""
    labels: Tensor
    """int64 B."""


def divide(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Batches of ``order``. The last one may be smaller, but one image alone goes with the batch before it.

    BatchNorm needs two. Several processes compute a batch that has less than that for each of them together, so that
    their number changes no batch.
    """
    parts = order.split(batch_size)
    if batch_size > 1 and len(parts) > 1 and len(parts[-1]) == 1:
        return *parts[:-2], order[-batch_size - 1 :]
    return parts


class Feed(ABC):
    """The images of a split in batches."""

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels
        """int64 N, on the device."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where batches are given."""
        return self.labels.device

    def steps(self, batch_size: int) -> int:
        """Batches in all; see ``divide``."""
        whole, rest = divmod(len(self), batch_size)
        return max(whole + (rest > 1), 1)

    def in_order(self, batch_size: int, part: slice = slice(None)) -> Generator[Batch]:
        """Give every image of ``part`` once, in the split's order."""
        return self.batches(torch.arange(len(self), device=self.device)[part], batch_size)

    @abstractmethod
    def batches(self, order: Tensor, batch_size: int, first: int = 0) -> Generator[Batch]:
        """Give the images of ``order`` (int64, on the device) as ``divide`` has them, from batch ``first``."""


class Resident(Feed):
    """Everything lies on the device. On the CPU that is the mapped file itself: the system's page cache, no copy."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self.images, labels = to_device(split, device)
        super().__init__(labels)

    def in_order(self, batch_size: int, part: slice = slice(None)) -> Generator[Batch]:
        """Give every image of ``part`` once, in the split's order, without a copy."""
        places = torch.arange(len(self), device=self.device)
        sizes = [len(index) for index in divide(places[part], batch_size)]
        whole = places, self.images, self.labels
        for batch in zip(*(values[part].split(sizes) for values in whole), strict=True):
            yield Batch(*batch)

    def batches(self, order: Tensor, batch_size: int, first: int = 0) -> Generator[Batch]:
        """One gather a batch."""
        for index in divide(order, batch_size)[first:]:
            yield Batch(index, self.images.index_select(0, index), self.labels.index_select(0, index))


class Streamed(Feed):
    """A thread gathers batches from the mapped file, ``AHEAD`` of the training, in page-locked memory for a GPU."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self._images: NDArray[np.uint8] = split.images
        super().__init__(torch.from_numpy(np.array(split.labels)).to(device))

    def batches(self, order: Tensor, batch_size: int, first: int = 0) -> Generator[Batch]:
        """Gathered in ``order``; the thread ends with the iteration. Raises what reading the file raised there."""
        with closing(self._gathered(divide(order.cpu(), batch_size)[first:])) as gathered:
            for index, images in gathered:
                places = index.to(self.device, non_blocking=True)
                yield Batch(places, images.to(self.device, non_blocking=True), self.labels.index_select(0, places))

    def _gathered(self, parts: tuple[Tensor, ...]) -> Generator[tuple[Tensor, Tensor]]:
        ready: queue.Queue[tuple[Tensor, Tensor] | BaseException | None] = queue.Queue(AHEAD)
        ended = threading.Event()

        def put(item: tuple[Tensor, Tensor] | BaseException | None) -> None:
            while not ended.is_set():
                with suppress(queue.Full):
                    ready.put(item, timeout=0.1)
                    return

        def gather() -> None:
            try:
                for index in parts:
                    if ended.is_set():
                        return
                    images = torch.from_numpy(self._images[index.numpy()])
                    put((index, images.pin_memory() if self.device.type == "cuda" else images))
                put(None)
            except BaseException as error:  # noqa: BLE001 - raised where the batches are used
                put(error)

        thread = threading.Thread(target=gather, name="podium-feed", daemon=True)
        thread.start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            ended.set()
            thread.join()


def margin(free: int) -> int:
    """Bytes of ``free`` ones that are left to the network: a quarter of them, and ``MARGIN`` at most."""
    return min(MARGIN, free // 4)


def open_feed(split: Split, device: torch.device) -> Feed:
    """Resident where the images fit into the device's free memory with ``margin`` to spare, else streamed."""
    free = free_memory(device)
    if split.images.nbytes + margin(free) <= free:
        return Resident(split, device)
    log.info("streaming %.1f GB of images: %.1f GB are free", split.images.nbytes / 1e9, free / 1e9)
    return Streamed(split, device)

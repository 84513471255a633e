"""Which images of a data set a batch is made of."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as int64
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685  # 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True)
class Samples:
    """Images by their place in the data set, and when they are seen."""

    index: Tensor
    """int64 N, on the device of the images: place in the training split."""
    epoch: int
    """From 1, counted through all phases."""
    seed: int
    """Of the training."""

    def halves(self) -> Tensor:
        """Whether each belongs to a pseudo-random half of all images: bool N, the same in every epoch.

        It is a hash of index and seed (the finalizer of SplitMix64, Steele et al. 2014).
        """
        x = self.index * _GOLDEN + _signed(self.seed * _FIRST + 1)
        x = (x ^ _logical_shift(x, 30)) * _FIRST
        x = (x ^ _logical_shift(x, 27)) * _SECOND
        return (x ^ _logical_shift(x, 31)) & 1 == 1


def _signed(value: int) -> int:
    """The number that has the lowest 64 bits of ``value`` as an int64."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _logical_shift(x: Tensor, bits: int) -> Tensor:
    """``x`` >> ``bits`` as of an unsigned number."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)

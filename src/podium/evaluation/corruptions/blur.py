"""Blur of lens and movement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from podium.evaluation.corruptions.registry import Draws, Images, at, corruption, scale


@corruption("blur")
def defocus_blur(images: Images, severity: int, _draws: Draws) -> Images:
    """Convolve with a disk, its edge smoothed: out of focus."""
    factor = scale(images)
    radius, smooth = at(severity, 0.3, 0.5, 1.5) * factor, at(severity, 0.4, 0.6, 0.1) * factor
    reach = int(np.ceil(radius + 2 * smooth))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.float64)
    kernel = ndimage.gaussian_filter(disk / disk.sum(), smooth, mode="constant")
    return _convolve(images, (kernel / kernel.sum())[None])


@corruption("blur")
def motion_blur(images: Images, severity: int, draws: Draws) -> Images:
    """Smear each image one way along a line of its own direction, up to 45° from the horizontal."""
    factor = scale(images)
    radius, sigma = at(severity, 6, 6, 9) * factor, at(severity, 1, 2, 2.5) * factor
    angles = np.pi / 2 * (draws.uniform().astype(np.float64) - 0.5)
    return _convolve(images, _lines(angles, 2 * radius, sigma))


def _lines(angles: NDArray[np.float64], length: float, sigma: float) -> NDArray[np.float64]:
    """For each angle a line from the middle, fading as a Gaussian: N×K×K, each summing to 1."""
    steps = np.arange(0, min(length, 4 * sigma) + 0.25, 0.25)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    reach = int(np.ceil(steps[-1])) + 1
    kernels = np.zeros((len(angles), 2 * reach + 1, 2 * reach + 1))
    x, y = np.cos(angles)[:, None] * steps + reach, np.sin(angles)[:, None] * steps + reach
    row = np.broadcast_to(np.arange(len(angles))[:, None], x.shape)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down, right in np.ndindex(2, 2):  # each step is shared by the four pixels around it
        near = (1 - np.abs(y - top - down)) * (1 - np.abs(x - left - right))
        np.add.at(kernels, (row, top + down, left + right), weights * near)
    return kernels / kernels.sum(axis=(1, 2), keepdims=True)


def _convolve(images: Images, kernels: NDArray[np.float64]) -> Images:
    """Convolve each image with its kernel (N×K×K, or one for all), its border mirrored."""
    from scipy.signal import fftconvolve  # takes a second, which a run that finds all in the cache need not wait for

    reach = kernels.shape[1] // 2
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    convolved = fftconvolve(padded, kernels[..., None].astype(np.float32), mode="valid", axes=(1, 2))
    return convolved.astype(np.float32)

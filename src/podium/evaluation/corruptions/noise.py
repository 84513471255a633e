"""Noise of the sensor."""

from __future__ import annotations

import numpy as np

from podium.evaluation.corruptions.registry import Draws, Images, at, corruption


@corruption("noise")
def gaussian_noise(images: Images, severity: int, draws: Draws) -> Images:
    """Add normal noise, independent for each value: of electronics in low light."""
    noise = draws.normal(*images.shape[1:])
    return images + np.float32(at(severity, 0.04, 0.08, 0.10)) * noise


@corruption("noise")
def shot_noise(images: Images, severity: int, draws: Draws) -> Images:
    """Count photons: Poisson with so many at full brightness."""
    photons = at(severity, 500, 100, 50)
    counts = draws.each(lambda rng, place: rng.poisson(images[place] * photons))
    return (counts / photons).astype(np.float32)


@corruption("noise")
def impulse_noise(images: Images, severity: int, draws: Draws) -> Images:
    """Replace a share of the values by black or white: salt and pepper, of bit errors."""
    share = at(severity, 0.01, 0.03, 0.07)
    draw = draws.uniform(*images.shape[1:])
    return np.where(draw < share, (draw < share / 2).astype(np.float32), images)

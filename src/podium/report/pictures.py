"""Images of the data set as inline PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST = 96
"""Longest side of an embedded image in pixels; larger ones are reduced."""


@dataclass(frozen=True)
class Picture:
    """An image for the template. ``alt`` is plain text; ``sharp``: pixels are to stay squares when enlarged."""

    uri: str
    alt: str
    sharp: bool


def picture(image: NDArray[np.uint8], alt: str) -> Picture:
    """Embed one image (uint8, H×W×3)."""
    return Picture(data_uri(image), alt, max(image.shape[:2]) <= LARGEST // 2)


def data_uri(image: NDArray[np.uint8]) -> str:
    """A PNG as ``data:`` address; one channel where the three are equal."""
    pixels = np.ascontiguousarray(image)
    gray = bool((pixels == pixels[..., :1]).all())
    picture = Image.fromarray(pixels[..., 0] if gray else pixels)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

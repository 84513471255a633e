"""Pixels of any mode that Pillow reads to RGB: transparency on white, 16-bit values scaled to 8 bits."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from podium.errors import DataError

DIM: Final = 0x1000
"""16-bit values that stay below this use less than a sixteenth of their range: those of a 12-bit camera, perhaps."""
_STRIP_PIXELS: Final = 1 << 20


def to_rgb(image: Image.Image, name: str) -> tuple[Image.Image, bool]:
    """Convert a loaded image to RGB, a strip of rows at a time; keeps the EXIF block.

    Every 16-bit image is scaled by the same rule, 65,535 to 255: a scale of its own for each would make images
    incomparable. What uses little of the range is told (``DIM``).

    Args:
        image: Of any mode.
        name: What an error calls it.

    Returns:
        The image in RGB, and whether it has 16-bit values that are all below ``DIM``, and not all 0.

    Raises:
        DataError: Its pixels are floating-point numbers, or integers that are neither clearly of 8 nor of 16 bits.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, False
    if image.mode == "F":
        raise DataError(f"{name}: its pixels are floating-point numbers", remedy="convert the image to 8 or 16 bits")
    rgb = Image.new("RGB", image.size)
    rows = max(1, _STRIP_PIXELS // max(1, image.width))
    highest = 0
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        strip = image.crop(box)
        if image.mode.startswith("I"):
            scaled, high = _from_16_bit(strip, name)
            highest = max(highest, high)
        else:
            scaled = _strip_to_rgb(strip)
        rgb.paste(scaled, box)
    if image.mode == "I" and image.format == "TIFF" and 0 < highest <= 0xFF:
        raise DataError(
            f"{name}: 32-bit pixel values up to {highest}: of 8 bits by their size, nearly black if of 16",
            remedy="convert the image to 8 bits",
        )
    rgb.info["exif"] = image.getexif().tobytes()
    return rgb, 0 < highest < DIM


def _strip_to_rgb(strip: Image.Image) -> Image.Image:
    if strip.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in strip.info:
        rgba = strip.convert("RGBA")
        flat = Image.new("RGBA", rgba.size, "white")
        flat.alpha_composite(rgba)
        return flat.convert("RGB")
    return strip.convert("RGB")


def _from_16_bit(strip: Image.Image, name: str) -> tuple[Image.Image, int]:
    """Scale 0…65535 to 0…255 (Pillow's own conversion cuts everything above 255 off); also the highest value."""
    values = np.asarray(strip).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 0xFFFF:
        raise DataError(f"{name}: holds pixel values from {low} to {high}", remedy="convert the image to 8 or 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB"), high

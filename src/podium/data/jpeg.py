"""The common case, quickly: plain baseline JPEGs, to the very pixels that the careful decoder (``images``) gives.

Pillow spends most of a small image's time in Python. A JPEG that is baseline, 8 bits, grayscale or YCbCr, and carries
no EXIF block and no colour transform of Adobe's needs none of that: libjpeg-turbo, which Pillow calls as well, decodes
it in one call. Whatever is not plain, or gives as much as a warning, is left to the careful decoder.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_SOI_APP0: Final = b"\xff\xd8\xff\xe0"
_MODES: Final = {1: "L", 3: "RGB"}
_SKIPPED: Final = (0xDB, 0xC4, 0xDD, 0xFE)
"""Quantization tables, Huffman tables, restart interval, comment."""
_SOF0: Final = 0xC0
_SOS: Final = 0xDA
_APP2: Final = 0xE2


def plain_mode(content: bytes, height: int, width: int) -> str | None:
    """Pillow's mode (``L`` or ``RGB``) of a plain JPEG of this very size; None for anything else."""
    if content[:4] != _SOI_APP0 or content[6:11] != b"JFIF\0":
        return None
    position, mode, end = 4 + (content[4] << 8 | content[5]), None, len(content) - 10
    while position < end and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == _SOS:
            return mode
        if marker == _SOF0 and mode is None:
            size = (
                content[position + 5] << 8 | content[position + 6],
                content[position + 7] << 8 | content[position + 8],
            )
            if content[position + 4] != 8 or size != (height, width):
                return None
            mode = _MODES.get(content[position + 9])
        elif marker not in _SKIPPED and not (
            marker == _APP2 and content[position + 4 : position + 16] == b"ICC_PROFILE\0"
        ):
            return None
        position += 2 + (content[position + 2] << 8 | content[position + 3])
    return None


def decode_plain(content: bytes, out: NDArray[np.uint8]) -> str | None:
    """Decode a plain JPEG of the size of ``out`` (uint8, H×W×3, contiguous) into it.

    Returns:
        Pillow's mode of the file; None if it is not plain, and ``out`` may hold anything.
    """
    height, width, _ = out.shape
    mode = plain_mode(content, height, width)
    if mode is None:
        return None
    try:
        simplejpeg.decode_jpeg(content, "RGB", buffer=out, strict=True)
    except ValueError:
        return None
    return mode

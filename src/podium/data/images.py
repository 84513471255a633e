"""Image files of any size and mode to uint8 RGB arrays: the one decoder of both import and prediction."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from podium.config.base import DEFAULT_RESIZE, Resize
from podium.data.budget import Budget
from podium.data.modes import to_rgb
from podium.errors import DataError

MAX_PIXELS: Final = 120_000_000
"""Images with more pixels than this are refused before they are decoded: enough for the cameras that there are (102 and
108 megapixels). Peak memory at the bound, measured with a rotated 12,000×10,000 image scaled to 32×32: 1.9 GB for WebP
(its decoder's own copies), 1.3 GB for TIFF, 1.1 GB for AVIF, 1.0 GB for PNG (RGBA or 16 bits), 0.8 GB for a progressive
JPEG; at its own size, 1.2 GB for PNG and JPEG."""
MAX_BYTES: Final = 512 * 1024 * 1024
"""Files larger than this are refused before they are read."""
FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "ICO", "TGA")
"""Pillow's decoders that are tried (MPO comes with JPEG); those that start other programs (EPS) are not among them."""

_DAMAGE: Final = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, RuntimeError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise on damaged files, found by changing bytes at random."""
_REDUCTION: Final = 64
"""Pillow's quick reduction by more than this, in each direction, gets darker: its reciprocals have 24 bits."""
_OPENING = threading.Lock()


class LargeImageError(Exception):
    """The image has more pixels than are to be decoded here; nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Original:
    """What the file held, before anything was done to its pixels."""

    width: int
    height: int
    mode: str
    """Pillow's."""
    format: str
    """Pillow's; empty for pixels that came from no image file."""
    orientation: int = 0
    """EXIF's 1…8; 0 if it says nothing."""
    dim: bool = False
    """16-bit values that use less than a sixteenth of their range (``modes.DIM``)."""


def decode_image(
    source: Path | bytes, *, height: int, width: int, resize: Resize = DEFAULT_RESIZE, name: str | None = None
) -> NDArray[np.uint8]:
    """Decode one image to the given size.

    EXIF orientation is applied, transparency is laid on white, 16-bit values are scaled to 8 bits, of an animation
    the first frame is taken. Scaling down is antialiased (bicubic over the whole footprint of a pixel).

    Args:
        source: A file, or the encoded bytes of one.
        height: Rows of the result.
        width: Columns of the result.
        resize: ``crop`` scales the shorter side and cuts the longer one off evenly, ``pad`` adds black, ``stretch``
            ignores the aspect ratio.
        name: What an error calls the image; the path unless given.

    Returns:
        uint8, height × width × 3, RGB.

    Raises:
        DataError: The file is missing, damaged, no image of a known format, or too large.
    """
    return decode_original(source, size=(height, width), resize=resize, name=name)[0]


def decode_native(source: Path | bytes, *, name: str | None = None) -> NDArray[np.uint8]:
    """Decode one image at its own size (after EXIF orientation): uint8, H×W×3. Otherwise as ``decode_image``."""
    return decode_original(source, size=None, name=name)[0]


def fit_array(image: NDArray[np.uint8], *, height: int, width: int, resize: Resize) -> NDArray[np.uint8]:
    """Bring decoded pixels (uint8, H×W×3) to the given size as ``decode_image`` does."""
    return np.asarray(_fit(Image.fromarray(np.ascontiguousarray(image)), height, width, resize))


def decode_original(
    source: Path | bytes,
    *,
    size: tuple[int, int] | None,
    resize: Resize = DEFAULT_RESIZE,
    name: str | None = None,
    most: int = MAX_PIXELS,
) -> tuple[NDArray[np.uint8], Original]:
    """Decode one image to ``size`` (height, width), or at its own; also tell what the file held.

    Not too many pixels are decoded by all threads together. Otherwise as ``decode_image``.

    Raises:
        LargeImageError: It takes more pixels than ``most`` to decode it.
    """
    name = name or (str(source) if isinstance(source, Path) else "the image")
    content = _read(source, name) if isinstance(source, Path) else source
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: {len(content):,} bytes, more than {MAX_BYTES:,}", remedy="give a smaller file")
    with _named(name):
        image = _open(content)
        (width, height), mode, kind = image.size, image.mode, image.format or ""
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise DataError(
                f"{name}: {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}",
                remedy="scale the image down first",
            )
        if size:
            side = 2 * max(size)  # twice what is needed: the JPEG decoder's own reduction is a coarse one
            image.draft(None, (side, side))
            if "progressive" not in image.info:  # such a JPEG is held at its full size nevertheless
                pixels = image.width * image.height
    if pixels > most:
        raise LargeImageError(f"{pixels} pixels")
    with _BUDGET.hold(pixels):
        with _named(name):
            image.load()
            orientation = _orientation(image)
            rgb, dim = to_rgb(image, name)
            del image  # its pixels are not needed any more
            ImageOps.exif_transpose(rgb, in_place=True)
        try:
            array = np.asarray(_fit(rgb, *size, resize) if size else rgb)
        except MemoryError:
            raise _damaged(name, "not enough memory") from None
    return array, Original(width, height, mode, kind, orientation, dim)


def encoded_size(content: bytes) -> tuple[int, int] | None:
    """Height and width as an image's header has them, before any rotation; None if there is no such header."""
    try:
        width, height = _open(content).size
    except (MemoryError, *_DAMAGE):
        return None
    return height, width


def _open(content: bytes) -> Image.Image:
    with _own_pixel_bound():
        return Image.open(io.BytesIO(content), formats=[kind for kind in FORMATS if kind in Image.OPEN])


def _orientation(image: Image.Image) -> int:
    """EXIF's 1…8, or 0."""
    value = image.getexif().get(0x0112, 0)
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn what decoders raise on damaged files into one error that names the image."""
    try:
        yield
    except MemoryError:
        raise _damaged(name, "not enough memory") from None
    except _DAMAGE as error:
        reason = "no image of a known format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise _damaged(name, reason or type(error).__name__) from None


def _damaged(name: str, reason: str) -> DataError:
    return DataError(
        f"{name}: cannot be decoded ({reason})", remedy="replace the file by an intact JPEG or PNG, or remove it"
    )


_BUDGET: Final = Budget(MAX_PIXELS)
"""One image at the bound at a time, or many small ones: memory does not grow with the number of cores."""


def _read(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{name}: {size:,} bytes, more than {MAX_BYTES:,}", remedy="give a smaller file")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: {error.strerror}", remedy="give the path of a readable image file") from None


@contextmanager
def _own_pixel_bound() -> Iterator[None]:
    """Keep Pillow's global bound (89 megapixels warn, 179 fail) out of the way while one header is read."""
    with _OPENING:
        Image.init()  # registers all decoders; does nothing the second time
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _fit(image: Image.Image, height: int, width: int, resize: Resize) -> Image.Image:
    if image.size == (width, height):
        return image
    w, h = image.size
    gap = max(3.0, w / width / _REDUCTION, h / height / _REDUCTION)
    if resize == "pad":
        scale = min(width / w, height / h)
        size = max(1, round(w * scale)), max(1, round(h * scale))
        canvas = Image.new("RGB", (width, height))
        inner = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=gap)
        canvas.paste(inner, ((width - size[0]) // 2, (height - size[1]) // 2))
        return canvas
    box = (0.0, 0.0, float(w), float(h))
    if resize == "crop":
        scale = max(width / w, height / h)
        inner_w, inner_h = min(w, width / scale), min(h, height / scale)
        left, top = (w - inner_w) / 2, (h - inner_h) / 2
        box = (left, top, left + inner_w, top + inner_h)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=gap)

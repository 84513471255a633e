"""Image files: damaged, disguised, of unusual kinds. Each stands among 30 good ones in a folder of class folders."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from podium.data import Dataset
from podium.data.importing import Listing
from podium.data.sources import list_folder
from tests.data.corpus import GOOD, Fault
from tests.data.source_made import encode, pictures, write_folder

PIXELS = pictures(1, seed=99)[0]
NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
RED, WHITE = (255, 0, 0), (255, 255, 255)


def among_good(content: bytes | Callable[[], bytes], name: str = "x.png") -> Callable[[Path], Callable[[], Listing]]:
    def make(root: Path) -> Callable[[], Listing]:
        write_folder(root)
        (root / "bus" / name).write_bytes(content() if callable(content) else content)
        return lambda: list_folder(root)

    return make


def found(dataset: Dataset, name: str) -> np.ndarray:
    """The pixels of the image of this name."""
    for split, pool in dataset.splits.items():
        names = list(dataset.items(split).names)
        if name in names:
            return pool.images[names.index(name)]
    raise AssertionError(f"{name} is not there")


def has(expected: np.ndarray | tuple[int, int, int], name: str = "bus/x.png", by: int = 0) -> Callable[[Dataset], None]:
    def check(dataset: Dataset) -> None:
        pixels = found(dataset, name).astype(int)
        assert np.abs(pixels - np.asarray(expected)).max() <= by

    return check


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(chunk: bytes) -> bytes:
    whole = encode(PIXELS)
    return whole[:33] + chunk + whole[33:]


def huge_header() -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + png_chunk(b"IEND", b"")


def bad_checksum() -> bytes:
    content = bytearray(encode(PIXELS))
    content[29] ^= 0xFF
    return bytes(content)


def tiff_loop() -> bytes:
    """Its directory of tags names itself as the next one."""
    content = bytearray(encode(PIXELS, "TIFF"))
    start = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, start)[0]
    struct.pack_into("<I", content, start + 2 + 12 * count, start)
    return bytes(content)


def palette_with_hole() -> bytes:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    return encode(image, transparency=0)


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(np.rot90(NOISE), exif=exif.tobytes())


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, WHITE)]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def damaged_exif() -> bytes:
    whole = encode(Image.new("RGB", (16, 16), RED), "JPEG", quality=95)
    block = b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + whole[2:]


SMOOTH = Image.new("RGB", (16, 16), RED)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_DECODED = "cannot be decoded"


def bad(kind: str, content: bytes | Callable[[], bytes], says: str = _DECODED, name: str = "x.png") -> Fault:
    return Fault(kind, "folder", "bad", says, among_good(content, name))


def good(
    kind: str, content: bytes | Callable[[], bytes], says: str, expected: object, name: str = "x.png", by: int = 0
) -> Fault:
    check = has(expected, f"bus/{name}", by)  # type: ignore[arg-type]
    return Fault(kind, "folder", "imported", says, among_good(content, name), GOOD + 1, check=check)


FAULTS = (
    bad("JPEG cut in half", encode(NOISE, "JPEG", quality=95)[:-300], "image file is truncated", "x.jpg"),
    bad("PNG cut in half", encode(NOISE)[:400], "image file is truncated"),
    bad("file of no bytes", b"", "no image of a known format", "x.jpg"),
    bad("file of zeros", b"\0" * 4096, "no image of a known format", "x.jpg"),
    bad("text renamed .jpg", b"This is no image.\n" * 9, "no image of a known format", "x.jpg"),
    bad("SVG with a script, renamed .png", SVG, "no image of a known format"),
    bad("PostScript renamed .png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n", "no image of a known format"),
    bad("GIF without a frame", b"GIF89a\x04\x00\x04\x00", name="x.gif"),
    bad("PNG with a wrong checksum", bad_checksum),
    bad("BMP header alone", encode(PIXELS, "BMP")[:30], name="x.bmp"),
    bad("20,000×20,000 PNG of 50 KB", lambda: encode(Image.new("1", (20_000, 20_000))), "20000×20000 pixels, more"),
    bad("PNG header of 2,147,483,647 pixels a side", huge_header, "pixels, more than"),
    bad("PNG with a text chunk of 80 MB in 80 KB", lambda: png_with(_text_bomb())),
    bad("TIFF of floating-point numbers", encode(Image.new("F", (16, 16), 0.5), "TIFF"), "floating-point", "x.tif"),
    bad("TIFF of 32-bit values", encode(Image.new("I", (16, 16), 70_000), "TIFF"), "pixel values from 70000", "x.tif"),
    bad("TIFF of 32-bit values up to 255", encode(Image.new("I", (16, 16), 200), "TIFF"), "up to 200: of 8 bits",
        "x.tif"),
    good("PNG named .jpg", encode(PIXELS), "pixels", PIXELS, "x.jpg"),
    good("suffix in capitals", encode(PIXELS), "pixels", PIXELS, "X.PNG"),
    good("BMP", encode(PIXELS, "BMP"), "pixels", PIXELS, "x.bmp"),
    good("lossless WebP", encode(PIXELS, "WEBP", lossless=True), "pixels", PIXELS, "x.webp"),
    good("TIFF", encode(PIXELS, "TIFF"), "pixels", PIXELS, "x.tiff"),
    good("TIFF whose directory names itself as the next", tiff_loop, "pixels", PIXELS, "x.tiff"),
    good("progressive JPEG", encode(SMOOTH, "JPEG", progressive=True, quality=95), "pixels", RED, "x.jpg", 3),
    good("MPO of two pictures", lambda: animation("MPO"), "the first picture", RED, "x.mpo", 3),
    good("CMYK JPEG", encode(SMOOTH.convert("CMYK"), "JPEG", quality=95), "pixels as RGB", RED, "x.jpg", 3),
    good("gray", encode(Image.new("L", (16, 16), 77)), "the value in all three channels", (77, 77, 77)),
    good("16-bit PNG", encode(Image.new("I;16", (16, 16), 257 * 9)), "values scaled to 8 bits", (9, 9, 9)),
    good("16-bit PNG of 12-bit values", encode(Image.new("I;16", (16, 16), 4095)),
         "values scaled as all others, and told", (16, 16, 16)),
    good("palette with a transparent entry", palette_with_hole, "white where transparent", WHITE),
    good("transparent PNG", encode(Image.new("RGBA", (16, 16), (255, 0, 0, 51))), "on white", (255, 204, 204)),
    good("animated GIF", lambda: animation("GIF"), "the first frame", RED, "x.gif"),
    good("animated PNG", lambda: animation("PNG"), "the first frame", RED, "x.apng"),
    good("EXIF orientation 6", rotated, "pixels turned upright", NOISE),
    good("damaged EXIF block", damaged_exif, "pixels", RED, "x.jpg", 3),
    good("JPEG with bytes behind its end", encode(SMOOTH, "JPEG", quality=95) + b"PK" * 99, "pixels", RED, "x.jpg", 3),
    Fault(
        "1×1 image among others, with --size", "folder", "imported", "enlarged",
        among_good(encode(Image.new("RGB", (1, 1), RED))), GOOD + 1, (16, 16), has(RED),
    ),
    Fault(
        "image of another size, without --size", "folder", "refused", "16×16",
        among_good(encode(Image.new("RGB", (9, 9))), "z.png"),
    ),
)  # fmt: skip


def _text_bomb() -> bytes:
    return png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 80_000_000, 9))

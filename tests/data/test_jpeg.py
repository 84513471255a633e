"""The quick way for plain JPEGs gives the careful decoder's pixels, or declines."""

import io
import random

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from podium.data.images import decode_native
from podium.data.jpeg import decode_plain
from podium.errors import DataError


def scene(side: int = 32) -> Image.Image:
    """Smooth colours with an edge, so that chroma subsampling and rounding matter."""
    y, x = np.mgrid[:side, :side] / side
    pixels = np.stack([255 * x, 255 * y, 255 * (x > y)], -1)
    return Image.fromarray(
        (pixels + np.random.default_rng(0).normal(0, 12, pixels.shape)).clip(0, 255).astype(np.uint8)
    )


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def exif() -> bytes:
    block = Image.Exif()
    block[0x0112] = 6
    return block.tobytes()


PLAIN = {
    "4:2:0": jpeg(scene()),
    "4:4:4": jpeg(scene(), subsampling=0, quality=95),
    "4:2:2": jpeg(scene(), subsampling=1, quality=20),
    "optimized": jpeg(scene(), optimize=True),
    "restarts": jpeg(scene(), restart_marker_blocks=1),
    "comment": jpeg(scene(), comment=b"hello"),
    "gray": jpeg(scene().convert("L")),
    "profile": jpeg(scene(), icc_profile=b"x" * 300),
    "more after the end": jpeg(scene()) + b"\0" * 40,
}
OTHER = {
    "progressive": jpeg(scene(), progressive=True),
    "cmyk": jpeg(scene().convert("CMYK")),
    "turned": jpeg(scene(), exif=exif()),
    "another size": jpeg(scene(33)),
    "text": b"a picture of a cat",
    "empty": b"",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def quick(content: bytes) -> np.ndarray | None:
    out = np.zeros((32, 32, 3), np.uint8)
    return out if decode_plain(content, out) else None


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_ones_are_decoded_to_the_same_pixels(kind):
    found = quick(PLAIN[kind])
    assert found is not None
    np.testing.assert_array_equal(found, decode_native(PLAIN[kind]))
    assert decode_plain(PLAIN[kind], np.zeros((32, 32, 3), np.uint8)) == Image.open(io.BytesIO(PLAIN[kind])).mode


@pytest.mark.parametrize("kind", OTHER)
def test_others_are_left_to_the_careful_decoder(kind):
    assert quick(OTHER[kind]) is None


def test_a_truncated_one_is_left_to_the_careful_decoder():
    content = PLAIN["4:2:0"]
    assert all(quick(content[:length]) is None for length in range(len(content)))


def check(content: bytes) -> None:
    if (found := quick(content)) is not None:
        np.testing.assert_array_equal(found, decode_native(content))


@pytest.mark.slow
def test_changed_bytes_give_the_careful_decoders_pixels_or_nothing():
    """Where the careful decoder raises, ``check`` does: the quick one would have accepted what it refuses."""
    rnd = random.Random(0)
    for _ in range(1500):
        content = bytearray(rnd.choice(list(PLAIN.values())))
        for _ in range(rnd.choice([1, 1, 2, 5])):
            place = rnd.randrange(len(content) if rnd.random() < 0.5 else min(700, len(content)))
            content[place] = rnd.choice([0, 255, rnd.randrange(256)])
        try:
            check(bytes(content))
        except DataError as error:
            pytest.fail(f"the quick decoder accepted what the careful one refuses: {error}")


@pytest.mark.shared
@pytest.mark.parametrize(
    "file",
    [*(pytest.param(f"cifar10-{part}", marks=pytest.mark.slow) for part in ("test", "train")), "tinyimagenet32-valid"],
)
def test_real_ones_give_the_same_pixels(shared_data, file):
    table = pq.read_table(shared_data / f"{file}.parquet")
    if len(table) > 5000:  # all 50,000 were compared once; every tenth, each time
        table = table.take(np.arange(0, len(table), 10))
    for row in table.column(table.column_names[0]).to_pylist():
        content = row["bytes"]
        found = quick(content)
        assert found is not None
        assert (found == decode_native(content)).all()

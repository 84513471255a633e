"""The decoder: every mode, orientation, ways to resize, and damage."""

import contextlib
import io
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from podium.data import images, modes
from podium.data.budget import Budget
from podium.data.images import decode_image, decode_native
from podium.errors import DataError

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette_with_hole() -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 0)
    return encode(image, transparency=0)


def rgba(alpha: int) -> Image.Image:
    return Image.new("RGBA", (4, 4), (*RED, alpha))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(encode(Image.new("1", (4, 4), 1)), WHITE, id="1"),
        pytest.param(encode(Image.new("L", (4, 4), 77)), (77, 77, 77), id="L"),
        pytest.param(encode(Image.new("LA", (4, 4), (0, 0))), WHITE, id="LA transparent"),
        pytest.param(encode(Image.new("RGB", (4, 4), RED)), RED, id="RGB"),
        pytest.param(encode(rgba(255)), RED, id="RGBA opaque"),
        pytest.param(encode(rgba(0)), WHITE, id="RGBA transparent"),
        pytest.param(encode(rgba(51)), (255, 204, 204), id="RGBA a fifth"),
        pytest.param(palette_with_hole(), WHITE, id="P transparent"),
        pytest.param(encode(Image.new("P", (4, 4), 0), "GIF"), BLACK, id="GIF"),
        pytest.param(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"), RED, id="CMYK"),
        pytest.param(encode(Image.new("I;16", (4, 4), 0x8080)), (128, 128, 128), id="I;16"),
        pytest.param(encode(Image.new("I;16", (4, 4), 0xFFFF)), WHITE, id="I;16 white"),
        pytest.param(encode(Image.new("I", (4, 4), 257 * 9), "TIFF"), (9, 9, 9), id="I"),
        pytest.param(encode(Image.new("RGB", (4, 4), RED), "BMP"), RED, id="BMP"),
        pytest.param(encode(Image.new("RGB", (4, 4), RED), "WEBP", lossless=True), RED, id="WEBP"),
    ],
)
def test_every_mode_becomes_rgb(content, expected):
    decoded = decode_native(content)
    assert decoded.dtype == np.uint8
    assert decoded.shape[2] == 3
    assert tuple(decoded[0, 0].tolist()) == expected


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, BLACK)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(decode_native(content)[0, 0].tolist()) == RED


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_orientation_is_applied(mode):
    """A camera held upright: the file is 2 rows of 4, the scene 4 rows of 2."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_native(encode(Image.new(mode, (4, 2)), exif=exif.tobytes())).shape == (4, 2, 3)
    assert decode_image(encode(Image.new(mode, (4, 2)), exif=exif.tobytes()), height=5, width=3).shape == (5, 3, 3)


def halves() -> bytes:
    """16 rows of 32: left half red, right half black."""
    image = Image.new("RGB", (32, 16), BLACK)
    image.paste(RED, (0, 0, 16, 16))
    return encode(image)


def test_stretch_keeps_everything_and_crop_the_middle_and_pad_the_shape():
    stretched = decode_image(halves(), height=8, width=8, resize="stretch")
    assert stretched[:, 0].tolist() == [list(RED)] * 8
    assert stretched[:, -1].tolist() == [list(BLACK)] * 8

    image = Image.new("RGB", (32, 16), WHITE)
    image.paste(RED, (8, 0, 24, 16))
    assert (decode_image(encode(image), height=16, width=16, resize="crop") == RED).all()
    assert (decode_image(encode(image), height=16, width=16) == RED).all()  # the default

    padded = decode_image(encode(Image.new("RGB", (32, 16), RED)), height=8, width=8, resize="pad")
    assert (padded[2:6] == RED).all()
    assert (padded[:2] == BLACK).all()
    assert (padded[6:] == BLACK).all()


def test_scaling_down_is_antialiased():
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    small = decode_image(encode(Image.fromarray(board.astype(np.uint8))), height=16, width=16)
    assert np.abs(small.astype(int) - 127).max() <= 4


def test_a_large_jpeg_is_reduced_while_decoding_without_losing_the_picture():
    gradient = np.repeat(np.linspace(0, 255, 2048).astype(np.uint8)[None], 1024, axis=0)
    content = encode(Image.fromarray(gradient).convert("RGB"), "JPEG", quality=95)
    exact = Image.fromarray(gradient).resize((32, 32), Image.Resampling.BICUBIC)
    small = decode_image(content, height=32, width=32, resize="stretch")
    assert np.abs(small[..., 0].astype(int) - np.asarray(exact).astype(int)).max() <= 3


def test_an_image_of_the_right_size_is_not_changed():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert (decode_image(encode(Image.fromarray(pixels)), height=7, width=9) == pixels).all()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no image at all", id="text"),
        pytest.param(encode(Image.new("RGB", (64, 64)))[:60], id="PNG cut"),
        pytest.param(encode(Image.effect_noise((64, 64), 50), "JPEG")[:-400], id="JPEG cut"),
        pytest.param(b"GIF89a\x04\x00\x04\x00", id="GIF without frames"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n", id="EPS"),
        pytest.param(encode(Image.new("F", (4, 4), 0.5), "TIFF"), id="floating point"),
        pytest.param(encode(Image.new("I", (4, 4), 70_000), "TIFF"), id="more than 16 bits"),
    ],
)
def test_damage_names_the_image_and_what_to_do(content, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        decode_image(file, height=8, width=8)
    assert str(file) in caught.value.message
    assert caught.value.remedy
    with pytest.raises(DataError, match="row 7"):
        decode_native(content, name="row 7")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.png"):
        decode_native(tmp_path / "nothing.png")
    with pytest.raises(DataError, match=str(tmp_path)):
        decode_native(tmp_path)


@pytest.mark.slow
def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    side = 12_000
    file = tmp_path / "bomb.png"
    file.write_bytes(encode(Image.new("1", (side, side))))
    with pytest.raises(DataError, match=f"{side}×{side}"):
        decode_native(file)
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="bytes, more than 10"):
        decode_native(file)


def test_pillows_own_bound_is_left_as_it_was(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    assert decode_native(encode(Image.new("RGB", (9, 9)))).shape == (9, 9, 3)
    assert Image.MAX_IMAGE_PIXELS == 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "ICO", "TGA"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of broken EXIF blocks
def test_random_damage_gives_an_image_or_the_one_error(kind):
    rng = np.random.default_rng(0)
    intact = encode(Image.effect_noise((40, 30), 60).convert("RGB"), kind)
    for _ in range(60):
        content = bytearray(intact)
        for position in rng.integers(0, min(len(content), int(rng.choice([40, 400, len(content)]))), 4):
            content[position] = rng.integers(256)
        with contextlib.suppress(DataError):
            assert decode_image(bytes(content), height=8, width=8).shape == (8, 8, 3)


def test_16_bit_images_are_scaled_in_strips_as_in_one_piece(monkeypatch):
    values = np.random.default_rng(0).integers(0, 0x10000, (37, 23), dtype=np.uint16)
    expected = ((values.astype(np.int64) + 128) // 257).astype(np.uint8)
    for strip in (1 << 20, 23 * 5, 1):
        monkeypatch.setattr(modes, "_STRIP_PIXELS", strip)
        decoded = decode_native(encode(Image.fromarray(values)))
        assert (decoded == expected[..., None]).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "CMYK"])
def test_strips_make_no_difference(mode, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (31, 17, 4), dtype=np.uint8)
    content = encode(Image.fromarray(pixels, "RGBA").convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    whole = decode_native(content)
    monkeypatch.setattr(modes, "_STRIP_PIXELS", 17 * 4)
    assert (decode_native(content) == whole).all()


@pytest.mark.slow
def test_a_large_16_bit_image_takes_little_memory(tmp_path):
    """25 megapixels in 25 KB; each held as float64 would take 200 MB."""
    file = tmp_path / "bomb.png"
    file.write_bytes(encode(Image.new("I;16", (5000, 5000), 257 * 9)))
    script = """
import resource, sys
from pathlib import Path
from podium.data.images import decode_image
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
assert (decode_image(Path(sys.argv[1]), height=4, width=4) == 9).all()
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", script, file], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 250


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize("resize", [pytest.param("stretch", marks=SLOW), "crop", pytest.param("pad", marks=SLOW)])
def test_photographs_of_large_cameras_are_let_in_and_keep_their_brightness(resize):
    assert images.MAX_PIXELS > 11_648 * 8_736
    photo = encode(Image.new("1", (11_648, 8_736), 1))
    small = decode_image(photo, height=2, width=2, resize=resize)
    assert small.max() == 255
    assert resize == "pad" or small.min() == 255


@pytest.mark.parametrize("where", ["to_rgb", "_fit"])
def test_too_little_memory_names_the_image(where, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(images, where, fails)
    with pytest.raises(DataError, match=r"row 7: cannot be decoded \(not enough memory\)"):
        decode_image(encode(Image.new("RGB", (9, 9))), height=8, width=8, name="row 7")
    monkeypatch.undo()
    decode_image(encode(Image.new("RGB", (9, 9))), height=8, width=8)


def test_threads_together_hold_no_more_pixels_than_the_budget():
    budget, held, most, lock = Budget(10), [0], [0], threading.Lock()

    def work(pixels):
        with budget.hold(pixels):
            with lock:
                held[0] += pixels
                most[0] = max(most[0], held[0])
            time.sleep(0.002)
            with lock:
                held[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [10, 3, 3, 3, 7, 1, 10, 2] * 5))
    assert held == [0]
    assert 3 < most[0] <= 10


def test_a_damaged_image_gives_its_pixels_back():
    free = images._BUDGET._free
    for content in (encode(Image.new("RGB", (64, 64)))[:60], encode(Image.new("F", (4, 4), 0.5), "TIFF")):
        with pytest.raises(DataError):
            decode_native(content)
    assert images._BUDGET._free == free == images.MAX_PIXELS

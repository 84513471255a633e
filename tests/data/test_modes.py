"""16- and 32-bit images: one scale for all, and those that come out nearly black are told."""

import logging

import numpy as np
import pytest
from PIL import Image

from podium.data import open_dataset
from podium.data.images import decode_native, decode_original
from podium.data.importing import ImportOptions, import_images
from podium.data.sources import list_folder
from podium.errors import DataError
from tests.data.source_made import encode, write_folder


def gray16(high, low=0):
    values = np.linspace(low, high, 256).astype(np.uint16).reshape(16, 16)
    return encode(Image.fromarray(values))


@pytest.mark.parametrize(
    ("content", "dim"),
    [
        (gray16(4095), True),
        (gray16(4096), False),
        (gray16(65535), False),
        (gray16(0), False),
        (encode(Image.new("I", (16, 16), 4000), "TIFF"), True),
        (encode(Image.new("L", (16, 16), 3)), False),
    ],
)
def test_values_below_a_sixteenth_of_the_range_are_noticed(content, dim, monkeypatch):
    assert decode_original(content, size=None)[1].dim is dim
    monkeypatch.setattr("podium.data.modes._STRIP_PIXELS", 16)  # the highest value of all strips counts
    assert decode_original(content, size=None)[1].dim is dim


def test_32_bit_values_of_8_bits_are_refused_and_zeros_are_black():
    for highest in (1, 255):
        with pytest.raises(DataError, match=f"32-bit pixel values up to {highest}: of 8 bits by their size"):
            decode_native(encode(Image.new("I", (4, 4), highest), "TIFF"))
    assert (decode_native(encode(Image.new("I", (4, 4), 0), "TIFF")) == 0).all()
    assert (decode_native(encode(Image.new("I", (4, 4), 256), "TIFF")) == 1).all()


def test_an_import_tells_their_number_and_names_also_when_it_goes_on(tmp_path, caplog):
    write_folder(tmp_path / "zoo")
    for i in range(7):
        (tmp_path / "zoo" / "car" / f"dim {i}.png").write_bytes(gray16(4095, low=40 * i))
    (tmp_path / "zoo" / "car" / "x.png").write_bytes(b"")
    listing, options = list_folder(tmp_path / "zoo"), ImportOptions(name="x")
    with caplog.at_level(logging.WARNING), pytest.raises(DataError, match="1 of 38"):
        import_images(listing, options, tmp_path / "data")
    assert "16-bit" not in caplog.text
    with caplog.at_level(logging.WARNING):
        import_images(listing, options.model_copy(update={"on_bad": "skip"}), tmp_path / "data")
    (told,) = [record.getMessage() for record in caplog.records if "16-bit" in record.getMessage()]
    assert told.startswith("7 images have 16-bit values below 4,096 of 65,535 alone, and will be nearly black: ")
    assert "car/dim 0.png, car/dim 1.png" in told
    assert "car/dim 5.png" not in told
    assert max(int(pool.images.max()) for pool in open_dataset(tmp_path / "data").splits.values()) > 16

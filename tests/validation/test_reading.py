"""Images read from a file are those of the mapping."""

import numpy as np
import pytest

from podium.validation.reading import read_rows


@pytest.mark.parametrize(
    "rows", [[], [0], [0, 1, 2], [3, 4, 9], [1, 3, 5, 7, 9], [9], list(range(10))], ids=lambda rows: str(len(rows))
)
def test_rows_of_a_mapped_file_are_read(tmp_path, rows):
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    chosen = np.array(rows, np.int64)
    for given in (images, mapped):
        found = read_rows(given, chosen)
        assert np.array_equal(found, images[chosen])
        assert not isinstance(found, np.memmap)


def test_a_file_that_was_cut_short_meanwhile_is_an_error(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 4, 5, 3), np.uint8))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    with (tmp_path / "a.npy").open("r+b") as file:
        file.truncate(300)
    with pytest.raises(OSError, match="ends before image 9"):
        read_rows(mapped, np.arange(10))

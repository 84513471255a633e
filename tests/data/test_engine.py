"""The import engine on made sources: what is bad, what stays together, what is told."""

import os
from pathlib import Path

import numpy as np
import pytest

from podium.data import open_dataset
from podium.data.importing import Listing, decoding, import_images, install
from podium.data.importing.engine import BadImagesError
from podium.errors import DataError
from tests.data.engine_made import NAMES, Made, alike, bad_ones, listing, options
from tests.data.made import noise, png


@pytest.mark.slow
def test_all_bad_images_are_told_at_once_and_the_others_need_no_second_decoding(tmp_path):
    part = Made(bad_ones(noise(60)))
    with pytest.raises(BadImagesError) as caught:
        import_images(listing(part), options(), tmp_path / "data")
    message = caught.value.message
    assert message.startswith("3 of 60 images cannot be imported: img/3.png: cannot be decoded")
    assert "img/17.png: permission denied" in message
    assert "--skip-bad" in caught.value.remedy
    assert not (tmp_path / "data").exists()
    before = part.read
    manifest = import_images(listing(part), options(on_bad="skip"), tmp_path / "data")
    assert part.read == before
    assert manifest.excluded == 3
    dataset = open_dataset(tmp_path / "data")
    dataset.verify()
    lines = (dataset.path / "excluded.tsv").read_text().splitlines()
    assert lines[0] == "split\tname\treason"
    assert [line.split("\t")[:2] for line in lines[1:]] == [["train", f"img/{row}.png"] for row in (3, 17, 18)]
    names = {name for split in dataset.splits for name in dataset.items(split).names}
    assert names == {f"img/{row}.png" for row in range(60)} - {f"img/{row}.png" for row in (3, 17, 18)}
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_many_bad_images_are_listed_in_a_file(tmp_path):
    images = noise(60)
    images[10:40] = [b"text"] * 30
    with pytest.raises(
        BadImagesError, match=r"^30 of 60 .*img/10.*img/14\.png.*all are listed in .*refused\.tsv"
    ) as caught:
        import_images(listing(Made(images)), options(), tmp_path / "data")
    assert "img/15" not in caught.value.message
    file = Path(caught.value.message.rsplit(" ", 1)[1])
    assert len(file.read_text().splitlines()) == 31


def test_the_same_pixels_and_items_come_whatever_is_left_out(tmp_path):
    """Rows go on matching labels and names behind a bad one."""
    images = noise(40)
    pixels = {f"img/{row}.png": content for row, content in enumerate(images)}
    import_images(listing(Made(bad_ones(images))), options(on_bad="skip"), tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    for split in dataset.splits:
        for name, image, label in zip(dataset.items(split).names, *vars(dataset[split]).values(), strict=True):
            assert png(np.asarray(image)) == pixels[name]
            assert label == int(name[4:-4]) // 2 % 2


@pytest.mark.parametrize("on_bad", ["refuse", "skip"])
def test_a_split_of_bad_images_alone_is_refused(tmp_path, on_bad):
    with pytest.raises(DataError, match=r"test: no image of it|40 of 60 images"):
        import_images(listing(Made(noise(20)), test=Made([b"x"] * 40)), options(on_bad=on_bad), tmp_path / "data")
    with pytest.raises(DataError, match=r"train: no image of it|40 of 40 images"):
        import_images(listing(Made([b"x"] * 40)), options(on_bad=on_bad), tmp_path / "data")


@pytest.mark.slow
def test_decoded_images_are_taken_as_they_are_or_resized(tmp_path):
    rng = np.random.default_rng(0)
    arrays = list(rng.integers(0, 256, (30, 5, 7, 3), dtype=np.uint8))
    import_images(listing(Made(arrays)), options(), tmp_path / "a")
    items = open_dataset(tmp_path / "a").items("train")
    assert (set(items.modes), set(items.formats), set(items.widths), set(items.heights)) == ({"RGB"}, {""}, {7}, {5})
    import_images(listing(Made(arrays)), options(size=(4, 4), resize="pad"), tmp_path / "b")
    assert open_dataset(tmp_path / "b")["train"].images.shape[1:] == (4, 4, 3)
    wrong = [*arrays[:-1], arrays[-1].astype(np.float32)]
    with pytest.raises(BadImagesError, match=r"img/29\.png: float32 of shape \(5, 7, 3\) instead of uint8"):
        import_images(listing(Made(wrong)), options(), tmp_path / "c")


def test_a_group_stays_in_one_split_and_is_kept_in_the_items(tmp_path):
    groups = [f"patient {row // 4}" for row in range(80)]
    part = Made(noise(80), groups=groups)
    part.labels[:] = np.arange(80) // 8 % 2
    import_images(listing(part, Made(noise(8, seed=9), prefix="more")), options(), tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    found = [set(dataset.items(split).groups) - {""} for split in dataset.splits]
    assert sum(map(len, found)) == len(set.union(*found)) == 20


def test_near_duplicates_come_into_one_split(tmp_path):
    part = Made(alike(80))
    import_images(listing(part), options(), tmp_path / "data")
    dataset = open_dataset(tmp_path / "data")
    pairs = [{int(name[4:-4]) // 2 for name in dataset.items(split).names} for split in dataset.splits]
    assert sum(map(len, pairs)) == 40


@pytest.mark.slow
def test_blocks_do_not_matter(tmp_path, monkeypatch):
    parts = [Made(noise(30)), Made(noise(31, seed=2), prefix="b")]
    first = import_images(listing(*parts, test=Made(noise(10, seed=5))), options(), tmp_path / "a")
    monkeypatch.setattr(decoding, "_BLOCK_ROWS", 7)
    again = import_images(listing(*parts, test=Made(noise(10, seed=5))), options(), tmp_path / "b")
    assert first == again


def test_progress_counts_what_was_done_before(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_BLOCK_ROWS", 10)
    seen = []
    import_images(listing(Made(noise(60))), options(), tmp_path / "data", lambda *told: seen.append(told))
    assert seen[0] == ("decoding images", 0, 60)
    assert ("decoding images", 60, 60) in seen
    assert seen[-1] == ("writing images", 60, 60)


def test_a_source_without_images_is_refused(tmp_path):
    with pytest.raises(DataError, match="no images for the train split"):
        import_images(Listing(NAMES, {"train": [Made([])]}, "made"), options(), tmp_path / "data")


def test_a_failed_import_that_cannot_go_on_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="none of which is left"):
        install(tmp_path / "data", lambda f: import_images(listing(Made(noise(4))), options(), f), name="made")
    assert os.listdir(tmp_path) == []

"""What the two sides are read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from podium.data import open_dataset
from podium.data.revisions import Revision
from podium.drift import opening
from podium.drift.opening import open_population
from podium.drift.population import Population
from podium.drift.side import Side, draw_side
from podium.errors import DataError
from tests.data.made import png
from tests.data.made import write as write_parquet
from tests.drift.made import SIDE, made_dataset, made_files, made_images

IMAGES, LABELS = made_images(80, 1)


def opened(path: Path, choice: str = "held-out", *, sample: int = 1000, seed: int = 0) -> Side:
    with open_population(
        str(path), choice, data=path.parent / "data", record=path.parent / "data.dvc", revisions=False  # type: ignore[arg-type]
    ) as population:  # fmt: skip
        assert_lengths(population)
        return draw_side(population, (SIDE, SIDE), "stretch", sample=sample, seed=seed)


def assert_lengths(population: Population) -> None:
    if population.labels is not None:
        assert len(population) == len(population.labels)


def test_a_data_set_gives_the_splits_that_nothing_was_trained_on(tmp_path: Path) -> None:
    folder = made_dataset(tmp_path / "set", IMAGES, LABELS)
    side = opened(folder)
    assert side.summary.splits == ("validation", "test")
    assert (side.summary.count, side.summary.compared) == (60, 60)
    assert side.summary.digest == open_dataset(folder).manifest.digest
    assert np.array_equal(side.images, IMAGES[20:])
    assert side.names[0] == "validation/0"
    assert side.names[-1] == "test/29"
    assert side.labels is not None
    assert side.labels.tolist() == LABELS[20:].tolist()
    assert opened(folder, "all").summary.count == 80
    assert opened(folder, "train").summary.count == 20


def test_a_sample_follows_from_the_seed_and_keeps_all_labels(tmp_path: Path) -> None:
    folder = made_dataset(tmp_path / "set", IMAGES, LABELS)
    first, again, other = (opened(folder, sample=30, seed=seed) for seed in (1, 1, 2))
    assert first.names == again.names
    assert first.names != other.names
    assert (first.summary.count, first.summary.compared) == (60, 30)
    assert first.labels is not None
    assert len(first.labels) == 60
    for image, name, label in zip(first.images, first.names, first.sample_labels, strict=True):  # type: ignore[arg-type]
        split, index = name.split("/")
        place = int(index) + {"validation": 20, "test": 50}[split]
        assert np.array_equal(image, IMAGES[place])
        assert label == LABELS[place]


def test_image_files_have_no_labels_and_bad_ones_are_told(tmp_path: Path) -> None:
    folder = made_files(tmp_path / "new" / "deeper", IMAGES[:30]).parent
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    side = opened(folder)
    assert side.labels is None
    assert (side.summary.labelled, side.summary.count, side.summary.compared) == (False, 32, 30)
    assert sorted(side.summary.unreadable) == ["broken.jpg", "loop.png"]
    assert np.array_equal(side.images, IMAGES[:30])
    assert side.names[3] == "deeper/0003.png"


@pytest.mark.parametrize("shards", [1, 2])
def test_parquet_with_labels(tmp_path: Path, shards: int) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    contents: list[bytes | None] = [png(image) for image in IMAGES[:40]]
    contents[5] = None
    for part in range(shards):
        rows = slice(part * 40 // shards, (part + 1) * 40 // shards)
        write_parquet(folder / f"{part}.parquet", contents[rows], list(map(int, LABELS[rows] % 2)))
    side = opened(folder if shards > 1 else folder / "0.parquet")
    assert (side.summary.count, side.summary.compared, side.summary.labelled) == (40, 39, True)
    assert side.summary.unreadable == ("0.parquet#5",)
    assert np.array_equal(side.images, np.delete(IMAGES[:40], 5, axis=0))
    assert side.class_names == ("cat", "dog")
    some = opened(folder if shards > 1 else folder / "0.parquet", sample=25, seed=4)
    assert 24 <= some.summary.compared <= 25
    assert set(some.names) < set(side.names)


def test_images_of_another_size_are_brought_to_the_networks(tmp_path: Path) -> None:
    folder = made_dataset(tmp_path / "set", IMAGES.repeat(2, 1).repeat(2, 2), LABELS)
    side = opened(folder)
    assert side.images.shape == (60, SIDE, SIDE, 3)
    assert np.abs(side.images.astype(int) - IMAGES[20:]).mean() < 6


def test_a_name_that_is_no_path_is_a_revision_of_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(made_dataset(tmp_path / "set", IMAGES, LABELS))
    asked: list[object] = []

    @contextmanager
    def revision(*arguments: object) -> Iterator[Revision]:
        asked.extend(arguments)
        yield Revision("HEAD~1", dataset, None)

    monkeypatch.setattr(opening, "open_revision", revision)
    places = {"data": tmp_path / "data", "record": tmp_path / "data.dvc"}
    with open_population("HEAD~1", "test", **places, revisions=True) as population:
        assert (population.title, population.splits, len(population)) == ("HEAD~1", ("test",), 30)
    assert asked == ["HEAD~1", *places.values()]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    few = made_files(tmp_path / "few", IMAGES[:19])
    (few / "bad.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"19 images \(1 cannot be decoded, the first is bad.png\)"):
        opened(few)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images there"):
        opened(tmp_path / "empty")
    with pytest.raises(DataError, match="no such file or folder"):
        opened(tmp_path / "missing")
    (tmp_path / "one.png").write_bytes(png(IMAGES[0]))
    with pytest.raises(DataError, match=r"no \.parquet"):
        opened(tmp_path / "one.png")

"""Where labels of new images come from: folders called like classes, and parquet files with or without a column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.drift.folders import FilesPopulation, files_population
from podium.drift.opening import open_population
from podium.errors import DataError
from tests.data.made import png
from tests.drift.made import NAMES, made_files, made_images

IMAGES = made_images(12, 1)[0]


def opened(root: Path, classes: tuple[str, ...] | None = NAMES) -> FilesPopulation:
    return files_population(str(root), root, classes)


def named(population: FilesPopulation) -> list[str]:
    assert population.labels is not None
    assert population.class_names is not None
    assert population.labels.dtype == np.int64
    return [population.class_names[label] for label in population.labels]


@pytest.mark.parametrize("above", ["", "test", "Validation"])
def test_folders_that_are_called_like_classes_are_labels(tmp_path: Path, above: str) -> None:
    for name in ("red", "blue"):
        made_files(tmp_path / "new" / above / name / "deeper", IMAGES[:3])
    found = opened(tmp_path / "new")
    assert found.class_names == ("blue", "red")
    assert named(found) == ["blue"] * 3 + ["red"] * 3
    assert [Path(name).parts[-3] for name in found.names] == named(found)
    assert found.notes == (f"{tmp_path / 'new'}: the names of its folders are the labels.",)


def test_a_folder_that_is_no_class_of_the_reference_is_a_new_one_and_told(tmp_path: Path) -> None:
    for name in ("red", "violet [b]"):
        made_files(tmp_path / name, IMAGES[:2])
    found = opened(tmp_path)
    assert found.class_names == ("red", "violet [b]")
    assert found.notes[1].endswith("violet [b] is no class of the reference and counted as new ones.")


def test_folders_of_other_names_are_no_labels_and_told(tmp_path: Path) -> None:
    for name in ("camera 1", "camera 2"):
        made_files(tmp_path / name, IMAGES[:2])
    found = opened(tmp_path)
    assert (found.labels, found.class_names) == (None, None)
    assert "no folder is called like a class of the reference (red, green and blue)" in found.notes[0]
    assert opened(tmp_path, None).notes == ()


def test_images_beside_the_class_folders_have_no_label_so_none_has(tmp_path: Path) -> None:
    made_files(tmp_path / "new" / "red", IMAGES[:2])
    (tmp_path / "new" / "loose.png").write_bytes(png(IMAGES[0]))
    found = opened(tmp_path / "new")
    assert found.labels is None
    assert "1 image such as loose.png stands in no folder of a class" in found.notes[0]
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "loose.png").write_bytes(png(IMAGES[0]))
    assert opened(tmp_path / "plain").notes == (), "a plain folder of images needs no remark"


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    for name in ("train", "car"):
        made_files(tmp_path / name / "2024", IMAGES[:2])
    assert named(opened(tmp_path, ("car", "train"))) == ["car"] * 2 + ["train"] * 2


def parquet(file: Path, **columns: list[object]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": [{"bytes": png(image)} for image in IMAGES], **columns}), file)
    return file


def listed(path: Path) -> tuple[tuple[str, ...] | None, tuple[str, ...], list[str]]:
    places = {"data": path.parent / "data", "record": path.parent / "data.dvc"}
    with open_population(str(path), "all", **places, revisions=False, classes=NAMES) as population:
        assert len(population) == len(IMAGES)
        return population.class_names, population.notes, [n for n, _ in population.read(np.array([0, 5]))]


def test_parquet_without_a_column_of_labels_has_none(tmp_path: Path) -> None:
    plain = parquet(tmp_path / "plain" / "a.parquet", caption=["x"] * 12)
    names, notes, images = listed(plain)
    assert names is None
    assert notes == (f"{plain}: no column of labels (integers, or text called 'label'), so there are no labels.",)
    assert images == ["a.parquet#0", "a.parquet#5"]
    assert listed(plain.parent)[0] is None
    assert listed(parquet(tmp_path / "labels.parquet", label=[0, 1, 2] * 4))[0] == ("0", "1", "2")


def test_shards_with_and_without_labels_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet")
    parquet(tmp_path / "b.parquet", label=[0, 1] * 6)
    with pytest.raises(DataError, match=r"a\.parquet: no label column"):
        listed(tmp_path)


def test_parquet_without_images_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no image column"):
        listed(tmp_path / "a.parquet")

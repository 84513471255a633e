"""Imports replace nothing that they should not, and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.data import open_dataset, write_dataset
from podium.data.importing import install
from podium.errors import DataError
from tests.conftest import make_arrays


def importer(seed=0, name="made"):
    def run(folder: Path):
        splits = {split: make_arrays(9, seed=seed + i) for i, split in enumerate(("train", "validation", "test"))}
        return write_dataset(folder, splits, name=name, class_names="abc", source="made", licence="CC0-1.0")

    return run


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_second_import_of_the_same_changes_nothing(tmp_path):
    target = tmp_path / "data"
    assert install(target, importer(), name="made").outcome == "written"
    stamp = (target / "train.images.npy").stat()
    again = install(target, importer(), name="made")
    assert again.outcome == "unchanged"
    assert (target / "train.images.npy").stat().st_ino == stamp.st_ino
    assert names(tmp_path) == ["data"]


def test_damaged_files_are_repaired_by_the_same_import(tmp_path):
    target = tmp_path / "data"
    install(target, importer(), name="made")
    with (target / "test.images.npy").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x07")
    assert install(target, importer(), name="made").outcome == "replaced"
    open_dataset(target).verify()


def test_another_data_set_is_replaced_only_by_force(tmp_path):
    target = tmp_path / "data"
    before = install(target, importer(), name="made").manifest
    ran = []
    with pytest.raises(DataError, match=r"'made' \([0-9a-f]{12}\); 'other' would replace it"):
        install(target, ran.append, name="other")
    assert not ran
    with pytest.raises(DataError, match="the import gives 'made'"):
        install(target, importer(seed=5), name="made")
    assert open_dataset(target).manifest == before
    assert install(target, importer(seed=5), name="made", force=True).manifest.digest != before.digest
    assert names(tmp_path) == ["data"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_bytes(b"precious")
    with pytest.raises(DataError, match="never replaced"):
        install(tmp_path / "photos", importer(), name="made", force=True)
    assert names(tmp_path / "photos") == ["mine.jpg"]


def test_a_failed_import_leaves_the_old_data_set(tmp_path):
    target = tmp_path / "data"
    before = install(target, importer(), name="made").manifest

    def fails(folder):
        importer(seed=5)(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"data: the data set cannot be written \(No space left on device\)"):
        install(target, fails, name="made", force=True)
    assert open_dataset(target).manifest == before
    assert names(tmp_path) == ["data"]


@pytest.mark.slow
def test_a_killed_import_is_cleared_away_and_a_running_one_respected(tmp_path):
    target = tmp_path / "data"
    script = f"""
import os, time
from pathlib import Path
from podium.data.importing import install
def hangs(folder):
    folder.mkdir()
    (folder / "half.npy").write_bytes(b"half")
    print("there", flush=True)
    time.sleep(60)
install(Path({str(target)!r}), hangs, name="made")
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there\n"
        with pytest.raises(DataError, match="another import is writing there"):
            install(target, importer(), name="made")
        process.kill()
        process.wait()
    assert names(tmp_path) == [".data.import"]
    assert install(target, importer(), name="made").outcome == "written"
    assert names(tmp_path) == ["data"]

"""``podium data import`` of every source: what its options do, and what is said."""

import hashlib

import numpy as np
import pytest
from typer.testing import CliRunner

from podium.cli.data import app
from podium.data.store import read_manifest
from podium.errors import ConfigError, DataError
from tests.data.source_made import encode, pictures, samples, write_cifar, write_folder, write_table, write_tar


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))

    def call(*arguments):
        target = ("--target", tmp_path / "out")
        return CliRunner().invoke(app, ["import", *map(str, (*arguments, *target))], catch_exceptions=True)

    return call


def splits(tmp_path):
    manifest = read_manifest(tmp_path / "out")
    return manifest.name, manifest.class_names, [info.count for info in manifest.splits.values()]


def test_a_folder_with_a_bad_image_and_a_note(invoke, tmp_path):
    write_folder(tmp_path / "zoo", splits=("train", "val", "test"))
    (tmp_path / "zoo/train/bus/x.png").write_bytes(b"text")
    (tmp_path / "zoo/train/[bold]notes.txt").write_text("x")
    result = invoke("folder", tmp_path / "zoo")
    assert isinstance(result.exception, DataError)
    assert "train/bus/x.png" in result.exception.message
    assert "1 file is not imported: train/[bold]notes.txt (not in the folder of a class)" in result.output
    result = invoke("folder", tmp_path / "zoo", "--skip-bad", "--size", 8, "--resize", "crop")
    assert result.exit_code == 0, result.output
    assert splits(tmp_path) == ("zoo", ("bus", "car", "tram"), [30, 30, 30])
    assert "excluded.tsv" in result.output


@pytest.mark.slow
def test_a_table_with_images_elsewhere_and_named_classes(invoke, tmp_path):
    write_table(tmp_path / "data.csv", group_of=2)
    (tmp_path / "lists").mkdir()
    (tmp_path / "data.csv").rename(tmp_path / "lists" / "pets.csv")
    (tmp_path / "names.txt").write_text("tram\ncar\nbus\n")
    assert "cannot be imported" in str(invoke("table", tmp_path / "lists/pets.csv").exception)
    result = invoke(
        "table", tmp_path / "lists/pets.csv", "--images", tmp_path, "--classes", tmp_path / "names.txt",
        "--validation-fraction", 0.2, "--test-fraction", 0.2,
    )  # fmt: skip
    assert result.exit_code == 0, (result.output, result.exception)
    assert splits(tmp_path)[:2] == ("pets", ("tram", "car", "bus"))


def test_arrays_of_two_files_a_split(invoke, tmp_path):
    for seed, split in enumerate(("train", "valid", "test")):
        np.save(tmp_path / f"{split}.npy", pictures(30, seed=seed))
        np.save(tmp_path / f"{split}-y.npy", np.arange(30) % 3)
    result = invoke(
        "arrays", tmp_path / "train.npy", "--labels", tmp_path / "train-y.npy", "--test", tmp_path / "test.npy",
        "--test-labels", tmp_path / "test-y.npy", "--validation", tmp_path / "valid.npy",
        "--validation-labels", tmp_path / "valid-y.npy",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert splits(tmp_path) == ("train", ("0", "1", "2"), [30, 30, 30])


def test_shards_by_patterns(invoke, tmp_path):
    for seed in range(4):
        write_tar(tmp_path / f"s-{seed}.tar", samples(15, seed=seed))
    result = invoke("webdataset", "--train", tmp_path / "s-{0..2}.tar", "--test", tmp_path / "s-3.tar", "--name", "wds")
    assert result.exit_code == 0, result.output
    name, _, (train, validation, test) = splits(tmp_path)
    assert (name, train + validation, test) == ("wds", 45, 15)


@pytest.mark.slow
def test_cifar_from_an_archive_with_its_md5_or_without_a_check(invoke, tmp_path):
    file = write_cifar(tmp_path / "small.tar.gz", per_class=3)
    refused = invoke("cifar", file)
    assert isinstance(refused.exception, DataError)
    assert "--no-check" in refused.exception.remedy
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    assert invoke("cifar", file, "--md5", digest, "--size", 16).exit_code == 0
    assert splits(tmp_path)[0] == "cifar10"
    assert "already there, unchanged" in invoke("cifar", file, "--no-check", "--size", 16).output
    assert "is no name to fetch" in str(invoke("cifar", file, "--url", "http://127.0.0.1/x").exception)


def test_an_empty_pattern_and_a_wrong_file_are_one_error(invoke, tmp_path):
    (tmp_path / "x.npz").write_bytes(encode(pictures(1)[0]))
    for arguments in (("webdataset", "--train", tmp_path / "*.tar"), ("arrays", tmp_path / "x.npz"),
                      ("folder", tmp_path / "none"), ("table", tmp_path / "none.csv"),
                      ("cifar", tmp_path / "none")):  # fmt: skip
        result = invoke(*arguments)
        assert isinstance(result.exception, DataError), result.exception
        assert result.exception.remedy


def test_a_size_beyond_all_networks_is_refused(invoke, tmp_path):
    write_folder(tmp_path / "zoo")
    result = invoke("folder", tmp_path / "zoo", "--size", 99999999)
    assert isinstance(result.exception, ConfigError)
    assert "--size 99999999: more than 4,096 pixels a side" in result.exception.message


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_where_the_work_is_kept(invoke, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    write_folder(tmp_path / "zoo")
    monkeypatch.setattr("podium.data.sources.folder.list_folder", interrupted)
    result = invoke("folder", tmp_path / "zoo")
    assert result.exit_code == 130
    assert result.output.strip() == "stopped; run the same command again to go on"
    monkeypatch.undo()
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.setattr("podium.data.importing.engine.divide", interrupted)
    result = invoke("folder", tmp_path / "zoo")
    assert result.exit_code == 130
    kept = tmp_path / ".out.import"
    assert f"stopped; {kept} keeps the images decoded so far; run the same command again to go on" in result.output
    assert (kept / ".data.work" / "pixels").stat().st_size == 30 * 16 * 16 * 3
    monkeypatch.undo()
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    assert invoke("folder", tmp_path / "zoo").exit_code == 0
    assert not kept.exists()


def test_each_file_that_is_left_out_is_told_once(invoke, tmp_path):
    write_folder(tmp_path / "zoo")
    (tmp_path / "zoo/notes.txt").write_text("x")
    (tmp_path / "zoo/.hidden").mkdir()
    result = invoke("folder", tmp_path / "zoo")
    assert "2 files are not imported: " in result.output
    assert result.output.count("notes.txt (not in the folder of a class)") == 1
    assert result.output.count(".hidden (hidden)") == 1


def test_arrays_of_other_names_are_told_with_those_expected(invoke, tmp_path):
    np.savez(tmp_path / "x.npz", pixels=pictures(3), **{f"extra{i:02}": np.zeros(1) for i in range(13)})
    error = invoke("arrays", tmp_path / "x.npz").exception
    assert isinstance(error, DataError)
    assert "no array 'images' (or 'image', 'x', 'data', 'arr_0'); it holds 'pixels', 'extra00'" in error.message
    assert "'extra10' and 2 more" in error.message
    assert "images=…, labels=…" in error.remedy
    assert "train_images=…" in error.remedy
    np.savez(tmp_path / "y.npz", images=pictures(3), classes=np.arange(3))
    error = invoke("arrays", tmp_path / "y.npz").exception
    assert "no array 'labels' (or 'label', 'y', 'targets', 'arr_1'); it holds 'images', 'classes'" in error.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "advised"),
    [
        ([(100, 80), (64, 70), (48, 64)], 64),
        ([(320, 240), (240, 320), (500, 400)], 224),
        ([(12, 12), (10, 10), (9, 12)], 10),
        ([(300, 150), (150, 300), (20, 20)], 128),
    ],
)
def test_images_of_different_sizes_get_a_size_as_advice(invoke, tmp_path, sizes, advised):
    for name in ("bus", "car"):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        for i, (width, height) in enumerate(sizes * 4):
            pixels = np.random.default_rng(i).integers(0, 255, (height, width, 3), np.uint8)
            (tmp_path / "zoo" / name / f"{i:02}.bmp").write_bytes(encode(pixels, "BMP"))
    error = invoke("folder", tmp_path / "zoo").exception
    assert isinstance(error, DataError)
    assert f"bring all images to one size: `--size {advised}`, with `--resize crop` (the default" in error.remedy
    assert "`pad`" in error.remedy
    assert "`stretch`" in error.remedy
    assert invoke("folder", tmp_path / "zoo", "--size", advised).exit_code == 0

"""``podium data import``: files that tell their split by their names, and what is said of columns and class names."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from podium.cli.data import app
from podium.data.store import read_manifest
from podium.errors import ConfigError, DataError
from tests.data.made import noise, write
from tests.data.source_made import samples, write_folder, write_table, write_tar


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))

    def call(*arguments):
        shares = ("--validation-fraction", 0.2, "--test-fraction", 0.2)
        target = ("--target", tmp_path / "out", *shares)
        return CliRunner().invoke(app, ["import", *map(str, (*arguments, *target))], catch_exceptions=True)

    return call


def counts(tmp_path):
    manifest = read_manifest(tmp_path / "out")
    return manifest.name, [info.count for info in manifest.splits.values()]


def hub(root, seeds=("train", "validation", "test")):
    root.mkdir(parents=True)
    for seed, split in enumerate(seeds):
        write(root / f"{split}-00000-of-00001.parquet", noise(30, seed=seed))
    return root


def shards(root):
    for seed, split in enumerate(("train", "val", "test")):
        write_tar(root / f"pets-{split}-000000.tar", samples(30, seed=seed))
    return root


@pytest.mark.parametrize("source", ["parquet", "webdataset"])
def test_a_folder_is_divided_by_the_names_of_its_files(invoke, tmp_path, source):
    folder = hub(tmp_path / "pets" / "data").parent if source == "parquet" else shards(tmp_path / "pets")
    result = invoke(source, folder)
    assert result.exit_code == 0, (result.output, result.exception)
    assert counts(tmp_path) == ("pets", [30, 30, 30])


def test_a_single_file_gives_the_name_of_its_folder(invoke, tmp_path):
    folder = hub(tmp_path / "pets" / "data")
    result = invoke("parquet", folder / "train-00000-of-00001.parquet")
    assert result.exit_code == 0, (result.output, result.exception)
    assert counts(tmp_path)[0] == "pets"


@pytest.mark.parametrize("source", ["parquet", "webdataset"])
def test_the_command_that_a_refusal_names_works(invoke, tmp_path, source):
    folder = hub(tmp_path / "pets") if source == "parquet" else shards(tmp_path / "pets")
    refused = invoke(source, "--train", folder).exception
    assert isinstance(refused, DataError)
    assert f"`podium data import {source} {folder}`" in refused.remedy
    assert not (tmp_path / "out").exists()
    assert invoke(source, folder).exit_code == 0


def test_a_folder_for_a_split_and_files_one_by_one(invoke, tmp_path):
    folder = shards(tmp_path / "pets")
    (folder / "pets-train-000000.tar").rename(tmp_path / "train.tar")
    (tmp_path / "only").mkdir()
    (tmp_path / "train.tar").rename(tmp_path / "only" / "pets-train-000000.tar")
    result = invoke("webdataset", "--train", tmp_path / "only", "--test", folder / "pets-test-000000.tar")
    assert result.exit_code == 0, result.exception
    assert counts(tmp_path) == ("only", [24, 6, 30])


@pytest.mark.parametrize("source", ["parquet", "webdataset"])
def test_path_and_options_exclude_each_other_and_one_is_needed(invoke, tmp_path, source):
    both = invoke(source, tmp_path / "a", "--train", tmp_path / "b").exception
    assert isinstance(both, ConfigError)
    assert "named without an option, beside --train" in both.message
    none = invoke(source).exception
    assert isinstance(none, ConfigError)
    assert f"`podium data import {source} FOLDER`" in none.remedy


def test_the_column_that_was_found_is_said(invoke, tmp_path):
    table = pa.table({"scan": noise(30), "[i]kind": [i % 2 for i in range(30)]})
    pq.write_table(table, tmp_path / "scans.parquet")
    result = invoke("parquet", tmp_path / "scans.parquet")
    assert result.exit_code == 0, result.exception
    assert "images are read from column 'scan', the only one of a fitting type; --image-column" in result.stderr
    assert "labels are read from column '[i]kind'" in result.stderr


@pytest.mark.slow
def test_columns_of_a_table_by_their_options(invoke, tmp_path):
    file = write_table(tmp_path / "t.csv", group_of=2)
    file.write_text(file.read_text().replace("path,label,group", "image_path,breed,patient_id"))
    result = invoke("table", file)
    assert "--path-column image_path" in result.exception.remedy
    result = invoke("table", file, "--path-column", "image_path", "--label-column", "breed")
    assert result.exit_code == 0, result.exception
    assert "columns not used: 'patient_id'" in result.stderr
    grouped = ("--path-column", "image_path", "--label-column", "breed", "--group-column", "patient_id", "--force")
    result = invoke("table", file, *grouped)
    assert result.exit_code == 0, result.exception
    assert "not used" not in result.stderr


@pytest.mark.slow
def test_classes_that_differ_in_capitals_alone_are_told(invoke, tmp_path):
    file = write_table(tmp_path / "t.csv", 12)
    file.write_text(file.read_text().replace(",tram\n", ",BUS\n"))
    result = invoke("table", file)
    assert result.exit_code == 0, result.exception
    assert "differ in capitals alone are imported as different ones: 'BUS' and 'bus'" in result.stderr
    write_folder(tmp_path / "zoo")
    (tmp_path / "zoo" / "tram").rename(tmp_path / "zoo" / "CAR")
    assert "'CAR' and 'car'" in invoke("folder", tmp_path / "zoo", "--force").stderr


def test_keys_that_end_too_early_are_explained(invoke, tmp_path):
    members = [(f"{i:03}.v1.5.{kind}", content) for i in range(4) for kind, content in (("png", b"x"), ("cls", b"0"))]
    error = invoke("webdataset", write_tar(tmp_path / "a.tar", members)).exception
    assert "no sample has a label" in error.message
    assert "'000.v1.5.cls' does not count: a key ends at the first dot of the file's name" in error.message

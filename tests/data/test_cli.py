"""``podium data``."""

import json
import sys

import pytest
from typer.testing import CliRunner

from podium.cli import main
from podium.cli.data import app
from podium.data.store import read_manifest
from podium.errors import ConfigError, DataError
from tests.data.made import noise, write


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=True)


@pytest.mark.slow
def test_digits_land_in_the_checkouts_data_and_are_shown(invoke, tmp_path):
    result = invoke("import", "digits")
    assert result.exit_code == 0, result.output
    assert "1,259 train, 270 validation, 268 test; written" in result.output
    assert "already there, unchanged" in invoke("import", "digits").output
    shown = json.loads(invoke("show", "--json").stdout)
    assert shown == {"path": str(tmp_path / "data"), **read_manifest(tmp_path / "data").model_dump(mode="json")}
    assert list(shown) == [
        "path",
        "schema_version",
        "name",
        "class_names",
        "height",
        "width",
        "channels",
        "resize",
        "source",
        "licence",
        "mean",
        "std",
        "splits",
        "excluded",
        "digest",
    ]
    table = invoke("show").output
    assert "32×32 RGB" in table
    assert "1,259" in table


@pytest.mark.slow
def test_parquet_options_reach_the_import(invoke, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("Katze\n[bold]Hund\n")
    train = write(tmp_path / "train.parquet", noise(40))
    more = write(tmp_path / "more.parquet", noise(20, seed=1))
    result = invoke(
        "import", "parquet", "--train", train, "--train", more, "--name", "haus", "--licence", "CC0-1.0",
        "--target", tmp_path / "out", "--seed", 3, "--size", "4x5", "--classes", names, "--test-fraction", 0.2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "out")
    assert manifest.class_names == ("Katze", "[bold]Hund")
    assert (manifest.name, manifest.licence, manifest.height, manifest.width) == ("haus", "CC0-1.0", 4, 5)
    assert [info.count for info in manifest.splits.values()] == [42, 6, 12]
    assert "[bold]Hund" in invoke("show", tmp_path / "out").output


@pytest.mark.slow
def test_bad_images_are_told_and_can_be_left_out(invoke, tmp_path):
    images = noise(60)
    images[7], images[9] = images[7][:30], None
    train = write(tmp_path / "train.parquet", images)
    command = ("import", "parquet", "--train", train, "--name", "[red]pets", "--target", tmp_path / "out")
    refused = invoke(*command)
    assert isinstance(refused.exception, DataError)
    assert "2 of 60 images cannot be imported: train.parquet#7: " in refused.exception.message
    assert "--skip-bad" in refused.exception.remedy
    assert not (tmp_path / "out").exists()
    done = invoke(*command, "--skip-bad")
    assert done.exit_code == 0, done.output
    assert "[red]pets, 2 classes" in done.output
    assert f"2 images were left out; {tmp_path / 'out' / 'excluded.tsv'} lists them" in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "train.parquet"]
    assert read_manifest(tmp_path / "out").excluded == 2


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "0.95"])
def test_shares_that_leave_nothing_are_refused(invoke, tmp_path, share):
    result = invoke("import", "parquet", "--train", tmp_path / "a", f"--validation-fraction={share}")
    assert isinstance(result.exception, ConfigError)
    assert f"--validation-fraction {float(share)} and --test-fraction 0.1" in result.exception.message


@pytest.mark.slow
def test_every_source_has_a_command_with_the_common_options(invoke):
    from podium.data.sources import SOURCES

    for name, source in SOURCES.items():
        text = invoke("import", name, "--help").output
        assert "--target" in text
        assert "--force" in text
        assert ("--skip-bad" in text) == (source.listing is not None)


@pytest.mark.parametrize("size", ["0", "x", "3x", "3x4x5", "-1", "1.5"])
def test_a_wrong_size_is_refused(invoke, tmp_path, size):
    result = invoke("import", "parquet", "--train", tmp_path / "a", f"--size={size}")
    assert isinstance(result.exception, ConfigError)
    assert f"--size {size}" in result.exception.message


@pytest.mark.slow
def test_another_data_set_needs_force(invoke, tmp_path):
    invoke("import", "digits")
    train = write(tmp_path / "pets.parquet", noise(40))
    refused = invoke("import", "parquet", "--train", train)
    assert isinstance(refused.exception, DataError)
    assert "--force" in refused.exception.remedy
    assert invoke("import", "parquet", "--train", train, "--force").exit_code == 0
    assert read_manifest(tmp_path / "data").name == "pets"


@pytest.mark.parametrize(
    ("label", "names", "words"),
    [
        (-1, ("cat", "dog"), "label -1 is out of range"),
        (2, ("cat", "dog"), "label 2 is out of range; 2 classes are named"),
        (-1, None, "label -1 is out of range"),
        (3_000_000_000, None, "label 3000000000 cannot be right"),
    ],
)
def test_a_label_out_of_range_ends_the_command_with_one_message(tmp_path, monkeypatch, capsys, label, names, words):
    file = write(tmp_path / "train.parquet", noise(20), [*([0, 1] * 9), label, 0], names=names)
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["podium", "data", "import", "parquet", "--train", str(file)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    printed = capsys.readouterr()
    assert f"error: {file}: row 18, column 'label': {words}" in printed.err
    assert "Traceback" not in printed.err + printed.out
    assert [p.name for p in tmp_path.iterdir()] == ["train.parquet"]


@pytest.mark.parametrize(
    ("text", "words"), [("cat\ncat\n", "'cat' stands twice"), ("\n", "0 classes"), ("cat\n", "1 class")]
)
def test_a_file_of_classes_names_two_or_more_distinct_ones(invoke, tmp_path, text, words):
    (tmp_path / "names.txt").write_text(text)
    train = write(tmp_path / "train.parquet", noise(20))
    result = invoke("import", "parquet", "--train", train, "--classes", tmp_path / "names.txt")
    assert isinstance(result.exception, DataError)
    assert words in result.exception.message
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_show_refuses_a_manifest_whose_counts_do_not_fit(invoke, tmp_path):
    invoke("import", "digits")
    file = tmp_path / "data" / "dataset.json"
    content = json.loads(file.read_text())
    content["splits"]["train"]["per_class"] = [1]
    file.write_text(json.dumps(content))
    result = invoke("show")
    assert isinstance(result.exception, DataError)
    assert "splits.train.per_class: 1 counts for 10 classes" in result.exception.message


def test_show_says_what_to_do_where_no_data_set_is(invoke):
    result = invoke("show")
    assert isinstance(result.exception, DataError)
    assert "podium data import digits" in result.exception.remedy


@pytest.mark.slow
def test_restore_copies_the_manifest(invoke, tmp_path):
    assert isinstance(invoke("restore").exception, DataError)
    invoke("import", "digits")
    digest = read_manifest(tmp_path / "data").digest
    (tmp_path / "data.dvc").write_text(
        f"outs:\n- md5: 0.dir\n  path: data\nmeta:\n  podium:\n    digest: {digest}\n    source: digits\n"
    )
    result = invoke("restore", "--manifest", tmp_path / "out" / "dataset.json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "dataset.json").read_bytes() == (tmp_path / "data" / "dataset.json").read_bytes()

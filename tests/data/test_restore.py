"""``podium data restore``: data/ is what data.dvc records."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from podium.data import open_dataset, write_dataset
from podium.data.restore import _dvc_hash, recorded_hash, restore
from podium.data.sources import import_digits
from podium.errors import DataError
from podium.registry.provenance import data_revision
from tests.data.test_digits import DIGEST


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "data"
    import_digits(folder)
    return folder


def record(folder: Path, *, md5: str = "0.dir", digest: str = DIGEST, source: str | None = "digits") -> Path:
    note = f"meta:\n  podium:\n    digest: {digest}\n    source: {source}\n" if source else ""
    (folder / "data.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: data\n{note}")
    return folder / "data.dvc"


@pytest.mark.slow
def test_the_embedded_data_set_is_imported_where_nothing_is(tmp_path):
    assert restore(tmp_path / "data", record(tmp_path)).outcome == "imported"
    assert open_dataset(tmp_path / "data").manifest.digest == DIGEST
    assert restore(tmp_path / "data", record(tmp_path)).outcome == "kept"


@pytest.mark.slow
def test_what_dvc_records_is_kept_even_if_the_note_is_missing_or_old(tmp_path, digits):
    shutil.copytree(digits, tmp_path / "data")
    md5 = _dvc_hash(digits)
    assert restore(tmp_path / "data", record(tmp_path, md5=md5, source=None)).outcome == "kept"
    assert restore(tmp_path / "data", record(tmp_path, md5=md5, digest="f" * 64)).outcome == "kept"


def test_another_data_set_is_an_error_that_names_both_ways_out(tmp_path, digits):
    shutil.copytree(digits, tmp_path / "data")
    with pytest.raises(DataError) as caught:
        restore(tmp_path / "data", record(tmp_path, digest="f" * 64))
    assert "'digits' (2bebcefebf53)" in caught.value.message
    assert "dvc pull" in caught.value.remedy
    assert "dvc add data" in caught.value.remedy


@pytest.mark.parametrize("source", [None, "parquet", "nonsense"])
def test_what_is_not_embedded_has_to_be_pulled(tmp_path, source):
    with pytest.raises(DataError) as caught:
        restore(tmp_path / "data", record(tmp_path, source=source))
    assert "dvc pull" in caught.value.remedy


@pytest.mark.slow
def test_an_import_of_another_digest_is_not_put_in_place(tmp_path):
    with pytest.raises(DataError, match="records ffffffffffff, the import of 'digits' gives 2bebcefebf53"):
        restore(tmp_path / "data", record(tmp_path, digest="f" * 64))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", ["", "outs: []", "just text", "outs: [", "meta: {podium: {}}"])
def test_a_malformed_record_is_refused(tmp_path, content):
    (tmp_path / "data.dvc").write_text(content)
    with pytest.raises(DataError, match=r"data\.dvc: not a \.dvc file"):
        restore(tmp_path / "data", tmp_path / "data.dvc")
    (tmp_path / "data.dvc").unlink()
    with pytest.raises(DataError, match=r"data\.dvc: no such file"):
        restore(tmp_path / "data", tmp_path / "data.dvc")


@pytest.mark.parametrize("file", ["train.images.npy", "dataset.json"])
def test_damage_is_not_kept(tmp_path, digits, file):
    """One pixel, or the mean."""
    shutil.copytree(digits, tmp_path / "data")
    path = tmp_path / "data" / file
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0.305", b"0.306") if file == "dataset.json" else content[:-1] + b"\x07")
    with pytest.raises(DataError, match=file) as caught:
        restore(tmp_path / "data", record(tmp_path))
    assert "dvc checkout" in caught.value.remedy


def test_the_record_is_that_of_the_data_set_by_name(tmp_path, digits):
    shutil.copytree(digits, tmp_path / "data")
    md5 = _dvc_hash(digits)
    file = tmp_path / "data.dvc"
    file.write_text(f"outs:\n- md5: 1.dir\n  path: other\n- md5: {md5}\n  path: data\n")
    assert recorded_hash(tmp_path / "data", file) == md5
    assert restore(tmp_path / "data", file).outcome == "kept"
    file.write_text(f"outs:\n- md5: {md5}\n  path: other\n")
    with pytest.raises(DataError, match="0 outputs are called 'data'"):
        restore(tmp_path / "data", file)


def test_a_model_claims_only_the_revision_that_is_there(tmp_path, digits, caplog):
    data = tmp_path / "data"
    shutil.copytree(digits, data)
    assert data_revision(data) is None
    md5 = _dvc_hash(digits)
    record(tmp_path, md5=md5)
    assert data_revision(data) == md5
    assert not caplog.records

    splits = {name: (split.images[:, ::-1], split.labels) for name, split in open_dataset(digits).splits.items()}
    write_dataset(data, splits, name="digits", class_names="0123456789", source="s", licence="l")
    assert data_revision(data) is None
    assert "records another version" in caplog.text
    (tmp_path / "data.dvc").write_text("<<<<<<< merge")
    assert data_revision(data) is None
    assert "not a .dvc file" in caplog.text


@pytest.mark.slow
def test_our_hash_of_a_folder_is_dvcs(tmp_path, digits):
    shutil.copytree(digits, tmp_path / "data")
    for arguments in (["init", "--no-scm", "-q"], ["add", "-q", "data"]):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, check=True)
    assert f"md5: {_dvc_hash(tmp_path / 'data')}\n" in (tmp_path / "data.dvc").read_text()

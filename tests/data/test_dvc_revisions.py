"""Data sets of git revisions: from DVC's cache or a remote, with the working tree untouched."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from podium.data import open_dataset
from podium.data.dvc import track
from podium.data.revisions import open_revision, read_record
from podium.errors import DataError
from tests.data.test_digits import DIGEST
from tests.data.test_dvc_track import write


def call(root: Path, *command: str) -> None:
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def commit(root: Path, seed: int) -> str:
    digest = write(root / "data", seed=seed)
    track(root / "data", root / "data.dvc", digest)
    call(root, "git", "add", ".")
    call(root, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", str(seed))
    return digest


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two versions, both pushed to the folder ``storage``."""
    root = tmp_path_factory.mktemp("revisions") / "root"
    root.mkdir()
    call(root, "git", "init", "-q")
    Repo.init(str(root)).close()
    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n"
    )
    digests = []
    for seed in (0, 5):
        digests.append(commit(root, seed))
        with Repo(str(root)) as repo:
            repo.push()  # not all commits at once: then DVC 3.67 takes a relative address for one below /
    return root, digests


@pytest.fixture
def made(template: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    shutil.copytree(template[0].parent, tmp_path / "copy")
    return tmp_path / "copy" / "root", template[1]


@pytest.mark.slow
def test_a_revision_is_read_from_the_cache_or_else_from_the_remote(made: tuple[Path, list[str]]) -> None:
    root, (old, new) = made
    before = (root / "data.dvc").read_bytes()
    for _ in ("cache", "remote"):
        with open_revision("HEAD~1", root / "data", root / "data.dvc") as revision:
            assert revision.dataset.manifest.digest == old
            assert revision.record is not None
            assert revision.record.digest == old
            folder = revision.dataset.path
        assert not folder.exists()
        shutil.rmtree(root / ".dvc" / "cache")
    with open_revision(None, root / "data", root / "data.dvc") as revision:
        assert revision.dataset.manifest.digest == new
        assert revision.record is None
    with open_revision(str(root / "data"), Path("nowhere"), root / "data.dvc") as revision:
        assert revision.dataset.manifest.digest == new
    assert (root / "data.dvc").read_bytes() == before
    assert open_dataset(root / "data").manifest.digest == new


@pytest.mark.slow
def test_bytes_that_are_nowhere_are_an_error_with_the_cause(made: tuple[Path, list[str]]) -> None:
    root, _ = made
    shutil.rmtree(root / ".dvc" / "cache")
    shutil.rmtree(root.parent / "storage")
    with (
        pytest.raises(DataError, match="neither in DVC's cache nor in its remote") as caught,
        open_revision("HEAD~1", root / "data", root / "data.dvc"),
    ):
        pass
    assert "dvc push" in caught.value.remedy
    (root / ".dvc" / "config").write_text("")
    with pytest.raises(DataError, match="no remote specified"), open_revision("HEAD", root / "data", root / "data.dvc"):
        pass
    shutil.rmtree(root / ".dvc")
    with pytest.raises(DataError, match="cannot be opened by DVC"), open_revision("HEAD", root / "data", root / "data.dvc"):  # fmt: skip  # noqa: E501
        pass


@pytest.mark.slow
def test_a_damaged_or_hostile_cache_is_refused(made: tuple[Path, list[str]]) -> None:
    root, (old, _) = made
    record = read_record("HEAD~1", root / "data.dvc")
    cache = root / ".dvc" / "cache" / "files" / "md5"
    listing = cache / record.md5[:2] / record.md5[2:]
    entries = json.loads(listing.read_text())
    listing.chmod(0o644)
    listing.write_text(
        json.dumps(
            [*entries, *({"md5": entries[0]["md5"], "relpath": name} for name in ("../../escaped", "..", "/escaped"))]
        )
    )
    with open_revision("HEAD~1", root / "data", root / "data.dvc") as revision:
        assert revision.dataset.manifest.digest == old
        assert not (revision.dataset.path.parents[1] / "escaped").exists()
    pixels = next(entry["md5"] for entry in entries if entry["relpath"] == "test.images.npy")
    listing.write_text("[1]")
    with (
        pytest.raises(DataError, match="not a list of files"),
        open_revision("HEAD~1", root / "data", root / "data.dvc"),
    ):
        pass
    listing.write_text(json.dumps(entries))
    file = cache / pixels[:2] / pixels[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    with (
        pytest.raises(DataError, match=r"HEAD~1: data/test\.images\.npy: its content is not") as caught,
        open_revision("HEAD~1", root / "data", root / "data.dvc"),
    ):
        pass
    assert "podium-revision" not in str(caught.value)


@pytest.mark.slow
def test_what_a_remote_gives_is_compared_with_its_hash(made: tuple[Path, list[str]]) -> None:
    root, _ = made
    shutil.rmtree(root / ".dvc" / "cache")
    for file in (root.parent / "storage").rglob("*"):
        if file.is_file() and file.read_bytes().startswith(b"\x93NUMPY"):
            file.chmod(0o644)
            file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    with (
        pytest.raises(DataError, match="neither in DVC's cache nor in its remote"),
        open_revision("HEAD~1", root / "data", root / "data.dvc"),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nonsense", "--help", "HEAD~9", "", "HEAD:data.dvc"])
def test_what_is_no_revision_is_said(made: tuple[Path, list[str]], name: str) -> None:
    root, _ = made
    with pytest.raises(DataError, match="neither a folder nor a git revision"):
        read_record(name, root / "data.dvc")
    with pytest.raises(DataError, match="neither a folder nor a git revision"):
        read_record("HEAD", root.parent / "data.dvc")


@pytest.mark.parametrize(
    "text", ["outs: [", "text", "outs:\n- md5: ../../x.dir\n  path: data\n", "outs:\n- md5: 0.dir\n  path: other\n"]
)
def test_a_malformed_record_of_a_revision_is_refused(made: tuple[Path, list[str]], text: str) -> None:
    root, _ = made
    (root / "data.dvc").write_text(text)
    call(root, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "broken")
    with pytest.raises(DataError, match=r"HEAD: data\.dvc is not a \.dvc file"):
        read_record("HEAD", root / "data.dvc")
    call(root, "git", "rm", "-qf", "data.dvc")
    call(root, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "gone")
    with pytest.raises(DataError, match=r"data\.dvc is not in that revision"):
        read_record("HEAD", root / "data.dvc")


@pytest.mark.slow
def test_embedded_data_need_neither_cache_nor_remote(tmp_path: Path) -> None:
    """A fresh clone: git has the records, DVC has nothing."""

    def record(**note: object) -> None:
        content = {"outs": [{"md5": "a" * 32 + ".dir", "path": "data"}], "meta": {"podium": note}}
        (tmp_path / "data.dvc").write_text(yaml.safe_dump(content))
        call(tmp_path, "git", "add", "data.dvc")
        call(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "record")

    call(tmp_path, "git", "init", "-q")
    Repo.init(str(tmp_path)).close()
    record(digest=DIGEST, source="digits")
    with open_revision("HEAD", tmp_path / "data", tmp_path / "data.dvc") as revision:
        assert revision.dataset.manifest.digest == DIGEST
        assert len(revision.dataset.items("train")) == len(revision.dataset["train"])
        folder = revision.dataset.path
    assert not folder.exists()
    assert not (tmp_path / "data").exists()
    for note in (
        {"digest": "f" * 64, "source": "digits"},
        {"digest": DIGEST, "source": "parquet"},
        {"digest": DIGEST, "source": ["digits"]},
        {"digest": DIGEST},
        {"source": "digits"},
    ):
        record(**note)
        with (
            pytest.raises(DataError, match="neither in DVC's cache nor in its remote") as caught,
            open_revision("HEAD", tmp_path / "data", tmp_path / "data.dvc"),
        ):
            pass
        other = note.get("digest") == "f" * 64
        assert (f"ffffffffffff is recorded, the import of 'digits' gives {DIGEST[:12]}" in str(caught.value)) is other

"""WebDataset shards: patterns, samples, compressed archives."""

import io
import tarfile

import numpy as np
import pytest

from podium.data.sources import list_webdataset
from podium.data.sources.archive import open_archive
from podium.data.sources.shards import expand_shards
from podium.errors import DataError
from tests.data.source_made import NAMES, encode, pictures, samples, write_tar


def names(part):
    return [part.name(row) for row in range(len(part.labels))]


def test_patterns_name_shards_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(12):
        (tmp_path / f"a-{i:03}.tar").touch()
    (tmp_path / "b{1.tar").touch()
    found = [str(file) for file in expand_shards(["a-{008..011}.tar", "a-00[0-2].tar", "b{1.tar"])]
    assert found == [f"a-{i:03}.tar" for i in (8, 9, 10, 11, 0, 1, 2)] + ["b{1.tar"]
    assert [file.name for file in expand_shards(["a-{000,005}.tar"])] == ["a-000.tar", "a-005.tar"]
    with pytest.raises(DataError, match=r"a-003\.tar: this shard is named twice"):
        expand_shards(["a-*.tar", "a-003.tar"])


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("label", ["cls", "json", "name"])
def test_samples_of_several_shards_and_splits(tmp_path, mode, label):
    for seed in range(3):
        write_tar(tmp_path / f"{seed}.tar", samples(6, seed=seed, label=label), mode)
    listing = list_webdataset({"train": [str(tmp_path / "{0,1}.tar")], "test": [str(tmp_path / "2.tar")]})
    assert listing.class_names == (NAMES if label == "name" else ("0", "1", "2"))
    assert {split: len(parts) for split, parts in listing.parts.items()} == {"train": 2, "test": 1}
    part = listing.parts["train"][1]
    assert names(part)[:2] == ["1.tar/1/0000", "1.tar/1/0001"]
    assert part.labels.tolist() == [0, 1, 2, 0, 1, 2]
    rows = [row for some in part.rows(2, 3) for row in some]
    assert rows == [encode(image) for image in pictures(6, seed=1)[2:]]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_members_of_every_length_are_read_from_any_start(tmp_path, mode):
    """Also those that fill their blocks to the last byte, after which ``tarfile`` looks one byte back."""
    rng = np.random.default_rng(0)
    contents = {f"{i:02}.png": rng.bytes(size) for i, size in enumerate((0, 1, 511, 512, 513, 1024, 70_000, 512 * 300))}
    file = write_tar(tmp_path / "a.tar", contents.items(), mode)
    with open_archive(file) as archive:
        found = {member.name: archive.read(member.offset, member.size) for member in archive.members()}
    assert found == contents
    with open_archive(file) as archive:
        places = {member.name: (member.offset, member.size) for member in archive.members()}
    for start in range(len(places)):
        with open_archive(file) as archive:
            for name in list(places)[start:]:
                assert archive.read(*places[name]) == contents[name]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_of_every_format_are_read_as_tarfile_does(tmp_path, kind):
    file = tmp_path / "a.tar"
    with tarfile.open(file, "w", format=kind) as tar:
        for name, size in (("a", 3), ("d/" * 60 + "b" * 40, 512), ("ä.png", 5), ("c" * 100, 0), ("f/", 0)):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = size, 0.5
            tar.addfile(info, io.BytesIO(b"x" * size))
    with tarfile.open(file) as tar:
        expected = [(info.name, info.offset_data, info.size) for info in tar]
    with open_archive(file) as archive:
        assert [(member.name, member.offset, member.size) for member in archive.members()] == expected


def test_the_key_of_a_json_can_be_named(tmp_path):
    members = [(f"{i}.{kind}", content) for i in range(4) for kind, content in (
        ("jpg", b"x"), ("json", b'{"label": 9, "meta": "n", "species": "%s"}' % (b"cat", b"dog")[i % 2]),
    )]  # fmt: skip
    file = write_tar(tmp_path / "a.tar", members)
    listing = list_webdataset({"train": [str(file)]}, label_key="species")
    assert listing.class_names == ("cat", "dog")
    with pytest.raises(DataError, match="no sample has a label") as caught:
        list_webdataset({"train": [str(file)]}, label_key="genus")
    assert "--label-key" in caught.value.remedy


def test_keys_end_at_the_first_dot_of_the_file_name(tmp_path):
    members = [("v1.0/a.left.png", b"x"), ("v1.0/a.cls", b"0"), ("v1.0/b.PNG", b"x"), ("v1.0/b.cls", b"1 \n")]
    listing = list_webdataset({"train": [str(write_tar(tmp_path / "a.tar", members))]})
    (part,) = listing.parts["train"]
    assert names(part) == ["a.tar/v1.0/a", "a.tar/v1.0/b"]
    assert part.labels.tolist() == [0, 1]

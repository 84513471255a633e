"""CIFAR as its authors publish it: archives of the same format, made here and served on localhost."""

import hashlib
import http.server
import os
import pickle
import threading
from functools import partial

import numpy as np
import pytest

from podium.data.sources import restricted_pickle
from podium.data.sources.cifar import list_cifar
from podium.data.sources.cifar_download import download_cifar, published_url
from podium.data.sources.cifar_files import LAYOUTS
from podium.data.sources.restricted_pickle import ForbiddenPickle, load_dict
from podium.errors import DataError
from tests.data.source_made import CIFAR_NAMES, cifar_members, pictures, python2_pickle, write_cifar, write_tar

KINDS = ("cifar10-python", "cifar10-binary", "cifar100-python", "cifar100-binary")


def md5(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


def read(part):
    return np.stack([row for rows in part.rows(0, 7) for row in rows])


@pytest.mark.parametrize("kind", KINDS)
def test_every_archive_gives_pixels_labels_and_names(tmp_path, kind):
    file = write_cifar(tmp_path / "cifar.tar.gz", kind)
    listing = list_cifar(file, md5=md5(file))
    classes = 100 if "100" in kind else 10
    assert listing.class_names == tuple(CIFAR_NAMES[classes])
    assert list(listing.parts) == ["train", "test"]
    assert [len(part.labels) for part in listing.parts["train"]] == ([40] * 5 if classes == 10 else [400])
    for seed, part in enumerate([*listing.parts["train"], *listing.parts["test"]]):
        assert part.labels.dtype == np.int64
        assert part.labels.tolist() == [i % classes for i in range(len(part.labels))]
        assert (read(part) == pictures(len(part.labels), side=32, seed=seed)).all()
    part = listing.parts["train"][0]
    assert (next(iter(part.rows(31, 2)))[1] == read(part)[32]).all()
    assert part.name(3) == ("train" if classes == 100 else "data_batch_1") + (".bin" if "binary" in kind else "") + "#3"
    assert listing.size == (32, 32)
    assert [ignored.name.rpartition("/")[2] for ignored in listing.ignored] == ["readme.html"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_extracted_folder_gives_the_same(tmp_path, kind):
    for name, content in cifar_members(kind):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    file = write_cifar(tmp_path / "cifar.tar.gz", kind)
    from_archive = list_cifar(file, check=False)
    for path in (tmp_path, (tmp_path / name).parent):
        listing = list_cifar(path)
        assert listing.class_names == from_archive.class_names
        for split, parts in listing.parts.items():
            for part, other in zip(parts, from_archive.parts[split], strict=True):
                assert (read(part) == read(other)).all()
        assert all(file.is_file() for part in listing.parts["train"] for file in part.files) or path == tmp_path


@pytest.mark.parametrize("kind", ["cifar100-python", "cifar100-binary"])
def test_coarse_labels_of_cifar_100(tmp_path, kind):
    listing = list_cifar(write_cifar(tmp_path / "a.tar.gz", kind), labels="coarse", check=False)
    assert listing.class_names == tuple(f"coarse {i}" for i in range(20))
    assert listing.parts["train"][0].labels[:6].tolist() == [0, 0, 0, 0, 0, 1]
    with pytest.raises(DataError, match="CIFAR-10 has no coarse labels"):
        list_cifar(write_cifar(tmp_path / "b.tar.gz"), labels="coarse", check=False)


@pytest.mark.slow
def test_the_md5_is_checked_against_the_published_ones_unless_told_otherwise(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10, CIFAR100

    assert [LAYOUTS[0].md5, LAYOUTS[2].md5] == [CIFAR10.tgz_md5, CIFAR100.tgz_md5]
    assert [LAYOUTS[0].archive, LAYOUTS[2].archive] == [CIFAR10.filename, CIFAR100.filename]
    assert [published_url("cifar10"), published_url("cifar100")] == [CIFAR10.url, CIFAR100.url]
    file = write_cifar(tmp_path / "cifar.tar.gz")
    with pytest.raises(DataError, match=f"its MD5 is {md5(file)}, none of those") as caught:
        list_cifar(file)
    assert "--no-check" in caught.value.remedy
    with pytest.raises(DataError, match="not 00"):
        list_cifar(file, md5="00")
    assert list_cifar(file, md5=md5(file).upper()).class_names


@pytest.fixture
def server(tmp_path):
    """Serves ``tmp_path/served`` on localhost; the paths asked for are noted."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(f"{self.command} {self.path}")

    (tmp_path / "served").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path / "served")) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", asked
        httpd.shutdown()
        thread.join()


def test_download_is_checked_and_kept(tmp_path, server):
    url, asked = server
    file = write_cifar(tmp_path / "served" / "small.tar.gz")
    address, kept = f"{url}/small.tar.gz", tmp_path / "kept"
    with pytest.raises(DataError, match=f"its MD5 is {md5(file)}, not {LAYOUTS[0].md5}"):
        download_cifar("cifar10", kept, url=address)
    assert list(kept.iterdir()) == []
    (kept / "small.tar.gz").write_bytes(b"half of an earlier one")
    fetched = download_cifar("cifar10", kept, url=address, md5=md5(file))
    assert fetched.read_bytes() == file.read_bytes()
    assert os.listdir(kept) == ["small.tar.gz"]
    count = len(asked)
    assert download_cifar("cifar10", kept, url=address, md5=md5(file)) == fetched
    assert len(asked) == count
    assert list_cifar(fetched, md5=md5(file)).class_names[0] == "class 0"


def test_what_cannot_be_fetched_is_told(tmp_path, server):
    url, _ = server
    for address, words in (
        (f"{url}/none.tar.gz", "none.tar.gz: cannot be fetched .*404"),
        ("http://127.0.0.1:1/x.tar.gz", "cannot be fetched .*refused"),
        ("file:///etc/passwd", "not an http or https address"),
    ):
        with pytest.raises(DataError, match=words):
            download_cifar("cifar10", tmp_path / "kept", url=address)
    assert not (tmp_path / "kept").exists() or list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_of_python_3_are_read_as_well(protocol):
    value = {"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2**40], "names": ["ä", b"b"], "x": 0.5}
    loaded = load_dict(pickle.dumps(value, protocol))
    assert (loaded.pop("data") == value.pop("data")).all()
    assert loaded == value


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda marker: pickle.dumps({"data": Runs(os.mkdir, marker)}, 2), r"(posix|os)\.mkdir"),
        (lambda marker: pickle.dumps({"data": Runs(os.mkdir, marker)}, 4), r"(posix|os)\.mkdir"),
        (lambda marker: pickle.dumps({"data": Runs(eval, f"__import__('os').mkdir({marker!r})")}), "eval"),
        (lambda marker: b"(S'" + marker.encode() + b"'\nios\nmkdir\n.", "the instruction INST"),
        (lambda marker: b"(cos\nmkdir\nS'" + marker.encode() + b"'\no.", "the instruction OBJ|os.mkdir"),
        (lambda _: b"\x80\x02cnumpy\nndarray\n)\x81.", "the instruction NEWOBJ"),
        (lambda _: b"Pan object\n.", "the instruction PERSID"),
        (lambda _: b"\x80\x02\x82\x01.", "the instruction EXT1"),
        (lambda _: b"\x80\x02}r\xff\xff\xff\x7f.", "a memo of 2,147,483,647 entries"),
        (lambda _: b"\x80\x02)" + b"\x85" * 100_000 + b"}h\x00K\x01s.", "tuples within tuples, more than 10 deep"),
        (lambda _: b"]" * 1_100, "more than 1,000 instructions"),
        (lambda _: b"\x80\x02cnumpy\ndtype\nU\x01OK\x00K\x01\x87R.", "an array of type b'O'"),
        (lambda _: b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00xX\x03\x00\x00\x00zip\x86R.", "the codec 'zip'"),
        (lambda _: b"\x80\x02cnumpy\nndarray\n}(U\x01aK\x01ub.", "a change of a function"),
        (lambda _: pickle.dumps({"data": np.array([{}], object)}, 2), "an array of type"),
    ],
)
def test_a_pickle_that_wants_more_than_data_is_refused_and_not_run(tmp_path, monkeypatch, content, words):
    if "instructions" in words:
        monkeypatch.setattr(restricted_pickle, "_MOST_INSTRUCTIONS", 1000)
    with pytest.raises(ForbiddenPickle, match=words):
        load_dict(content(str(tmp_path / "marker")))
    assert not (tmp_path / "marker").exists()


def test_damaged_pickles_are_refused():
    intact = python2_pickle({"data": np.zeros((3, 4), np.uint8), "labels": [0, 1, 2]})
    for cut in range(len(intact)):
        with pytest.raises(ValueError):  # noqa: PT011
            load_dict(intact[:cut])
    rng = np.random.default_rng(0)
    for _ in range(500):
        content = bytearray(intact)
        content[rng.integers(len(content))] = rng.integers(256)
        try:
            load_dict(bytes(content))
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("test_batch"), "not CIFAR as it is published: 'test_batch' is missing"),
        (lambda m: m.update(test_batch=m["test_batch"][:-9]), "test_batch: the pickle is damaged"),
        (lambda m: m.update(test_batch=python2_pickle({"data": 1, "labels": [1]})), "test_batch: no array 'data'"),
        (
            lambda m: m.update(test_batch=python2_pickle({"data": np.zeros((2, 3072), np.uint8), "labels": [10, 1]})),
            "test_batch, image 0: label 10 is out of range, 0 to 9",
        ),
        (lambda m: m.update({"batches.meta": python2_pickle({})}), "no list of class names 'label_names'"),
    ],
)
def test_a_changed_member_is_named(tmp_path, change, words):
    members = {name.rpartition("/")[2]: content for name, content in cifar_members("cifar10-python")}
    change(members)
    with pytest.raises(DataError, match=words):
        list_cifar(write_tar(tmp_path / "a.tar.gz", members.items(), "w:gz"), check=False)
    cut = dict(cifar_members("cifar10-binary"))
    cut["cifar-10-batches-bin/data_batch_2.bin"] = cut["cifar-10-batches-bin/data_batch_2.bin"][:-1]
    with pytest.raises(DataError, match=r"data_batch_2\.bin: .* no multiple of 3073"):
        list_cifar(write_tar(tmp_path / "b.tar", cut.items()), check=False)

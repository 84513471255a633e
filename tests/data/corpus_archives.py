"""Tar archives: WebDataset's shards and CIFAR's archives - damaged, hostile, incomplete."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from podium.data.importing import Listing
from podium.data.sources import list_cifar, list_webdataset
from podium.data.sources.shards import SHARDS
from podium.data.sources.split_files import sort_by_name
from tests.data.corpus import GOOD, Fault, Outcome
from tests.data.corpus_images import PIXELS
from tests.data.source_made import cifar_members, encode, python2_pickle, samples, write_tar

Make = Callable[[Path], Callable[[], Listing]]
Change = Callable[[bytes], bytes]
CIFAR_GOOD = 5 * 40 + 10


def shard(more: list[tuple[str, bytes]], change: Change | None = None, mode: str = "w") -> Make:
    """Thirty good samples, with more members in the middle; the file's bytes may be changed."""

    def make(root: Path) -> Callable[[], Listing]:
        members = samples(GOOD)
        file = write_tar(root / "s.tar", [*members[:20], *more, *members[20:]], mode)
        if change:
            file.write_bytes(change(file.read_bytes()))
        return lambda: list_webdataset({"train": [str(file)]})

    return make


def special(kind: bytes, target: str = "") -> Make:
    """A shard with a link or a device called ``0/x.jpg``."""

    def make(root: Path) -> Callable[[], Listing]:
        file = write_tar(root / "s.tar", samples(GOOD))
        with tarfile.open(file, "a") as tar:
            info = tarfile.TarInfo("0/x.jpg")
            info.type, info.linkname, info.devmajor, info.devminor = kind, target, 1, 5
            tar.addfile(info)
        return lambda: list_webdataset({"train": [str(file)]})

    return make


def raw_header(size: str | bytes, kind: bytes = b"0", name: str = "0/x.png") -> Change:
    """Put a header before all others: one that ``tarfile`` would not write."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size.encode().ljust(12, b"\0") if isinstance(size, str) else size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return lambda content: bytes(block) + content


def bomb(content: bytes) -> bytes:
    """200 MB of zeros in 200 KB: a member that is said to be a picture."""
    info = tarfile.TarInfo("0/x.png")
    info.size = 200_000_000
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6) as stream:
        stream.write(info.tobuf())
        for _ in range(50):
            stream.write(bytes(4_000_000))
        stream.write(content)
    return buffer.getvalue()


def damage_header(content: bytes) -> bytes:
    place = content.index(b"0/0015.png")
    return content[:place] + b"\xff" * 300 + content[place + 300 :]


def sample(**members: bytes) -> list[tuple[str, bytes]]:
    return [(f"x/new.{suffix}", content) for suffix, content in members.items()]


PNG = encode(PIXELS)


def wds(kind: str, outcome: Outcome, says: str, make: Make, more: int = 0) -> Fault:
    return Fault(kind, "webdataset", outcome, says, make, GOOD + more)


def cifar(
    kind: str, outcome: Outcome, says: str, *,
    members: Callable[[dict[str, bytes], Path], object] | None = None,
    change: Change | None = None, check: bool = False, source: str = "cifar10-python",
) -> Fault:  # fmt: skip
    """An archive of which members are changed, or the bytes as a whole."""

    def make(root: Path) -> Callable[[], Listing]:
        found = dict(cifar_members(source))
        if members:
            members(found, root)
        file = write_tar(root / "c.tar.gz", found.items(), "w:gz")
        if change:
            file.write_bytes(change(file.read_bytes()))
        return lambda: list_cifar(file, check=check)

    return Fault(kind, "cifar", outcome, says, make, CIFAR_GOOD)


class Runs:
    """Makes a folder called ``marker`` when it is unpickled."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.root / "marker"),)


TEST = "cifar-10-batches-py/test_batch"


def test_batch(content: bytes | Callable[[Path], bytes]) -> Callable[[dict[str, bytes], Path], object]:
    return lambda members, root: members.update({TEST: content(root) if callable(content) else content})


def batch(labels: list[int], pixels: int = 3072) -> bytes:
    return python2_pickle({"data": np.zeros((len(labels), pixels), np.uint8), "labels": labels})


def anew(members: dict[str, bytes], _: Path) -> None:
    """Thousands of tuples: bytes are written as text and a call of ``_codecs.encode``, an array through two calls."""
    for name in list(members):
        if not name.endswith("html"):
            members[name] = pickle.dumps(pickle.loads(members[name], encoding="bytes"), 2)


def renamed(old: str, new: str) -> Callable[[dict[str, bytes], Path], object]:
    return lambda members, _: members.update({new: members.pop(old)})


FAULTS = (
    wds("image without .cls and .json", "bad", "no label", shard(sample(png=PNG))),
    wds("label without an image", "bad", "no image of this key", shard(sample(cls=b"1"))),
    wds("image twice", "bad", "more than one image", shard([*sample(png=PNG, cls=b"1"), *sample(png=PNG)])),
    wds("image as .jpg and as .png", "bad", "more than one image", shard(sample(jpg=PNG, png=PNG, cls=b"1"))),
    wds("image and .cls with dots in their names", "bad", "a key ends at the first dot",
        shard([("x/new.v1.5.png", PNG), ("x/new.v1.5.cls", b"1")])),
    wds("key that comes again later", "bad", "stands twice",
        shard([*sample(png=PNG, cls=b"1"), ("y/a.txt", b"x"), *sample(cls=b"1")])),
    wds(".cls that is empty", "bad", "no label", shard(sample(png=PNG, cls=b""))),
    wds(".cls that is no text", "bad", "no label", shard(sample(png=PNG, cls=b"\xff\xfe"))),
    wds(".json without a label", "bad", "no label", shard(sample(png=PNG, json=b'{"caption": "x"}'))),
    wds(".json that is none", "bad", "no label", shard(sample(png=PNG, json=b"{" * 100_000))),
    wds(".cls and .json that disagree", "bad", "two labels", shard(sample(png=PNG, cls=b"1", json=b'{"label": 2}'))),
    wds(".cls of 2 MB", "bad", "2,000,000 bytes", shard(sample(png=PNG, cls=b"1" * 2_000_000))),
    wds("image of no bytes", "bad", "cannot be decoded", shard(sample(png=b"", cls=b"1"))),
    wds("label out of a gap", "refused", "none is 3, 4, 5, 6", shard(sample(png=PNG, cls=b"7"))),
    wds("negative label", "refused", "label -1 is out of range", shard(sample(png=PNG, cls=b"-1"))),
    wds("member ../../escaped.png", "imported", "nothing is written outside",
        shard([("../../escaped.png", PNG), ("../../escaped.cls", b"1")]), 1),
    wds("member /escaped.png", "imported", "nothing is written outside", shard([("/e.png", PNG), ("/e.cls", b"1")]), 1),
    wds("link to /etc/passwd as an image", "ignored", "not a regular file", special(tarfile.SYMTYPE, "/etc/passwd")),
    wds("hard link as an image", "ignored", "not a regular file", special(tarfile.LNKTYPE, "0/0001.png")),
    wds("device as an image", "ignored", "not a regular file", special(tarfile.CHRTYPE)),
    wds("pipe as an image", "ignored", "not a regular file", special(tarfile.FIFOTYPE)),
    wds("member without a suffix", "ignored", "its name is not KEY.SUFFIX", shard([("LICENSE", b"x")])),
    wds("other members of a sample", "imported", "all images", shard([("0/0009.txt", b"x"), ("0/0009.seg", b"y")])),
    wds("folder of train and test shards, given as train", "refused", "in it is named for test",
        lambda root: _split_shards(root, lambda: list_webdataset({"train": [str(root)]}))),
    wds("folder of train and test shards", "imported", "each shard in its split",
        lambda root: _split_shards(root, lambda: list_webdataset(
            {split: list(map(str, own)) for split, own in sort_by_name([root], SHARDS).items()})), GOOD),
    wds("no shard there", "refused", "No such file",
        lambda root: lambda: list_webdataset({"train": [str(root / "s-{0..3}.tar")]})),
    wds("pattern that fits nothing", "refused", "no such file",
        lambda root: lambda: list_webdataset({"train": [str(root / "s-*.tar")]})),
    wds("pattern of 10^9 shards", "refused", "more than 100,000 shards",
        lambda root: lambda: list_webdataset({"train": [str(root / "s-{0..999999999}.tar")]})),
    wds("empty shard", "refused", "no sample", lambda root: _only(root, [])),
    wds("shard cut in the middle of an image", "refused", "cannot be read as a tar", shard([], lambda c: c[:9000])),
    wds("shard without its end mark", "refused", "it was cut off", shard([], lambda c: c[: 10 * 1024])),
    wds("two shards joined to one file", "refused", "behind the end mark", shard([], lambda c: c + c)),
    wds("header in the middle overwritten", "refused", "damaged behind", shard([], damage_header)),
    wds("gzip with garbage behind", "refused", "cannot be read as a tar", shard([], lambda c: c + b"garbage", "w:gz")),
    wds("gzip cut in half", "refused", "cannot be read as a tar", shard([], lambda c: c[: len(c) // 2], "w:gz")),
    wds("shard compressed with bzip2", "refused", "cannot be read as a tar", shard([], None, "w:bz2")),
    wds("text named .tar", "refused", "cannot be read as a tar", shard([], lambda c: b"no archive\n" * 999)),
    wds("zip named .tar", "refused", "cannot be read as a tar", shard([], lambda c: b"PK\3\4" + c[:5000])),
    wds("200 MB of zeros in a shard of 200 KB", "refused", "a decompression bomb?", shard([], bomb)),
    wds("member of 8 GB by its header", "refused", "cannot be read as a tar", shard([], raw_header("77777777777"))),
    wds("member of negative size", "refused", "negative size", shard([], raw_header(b"\xff" * 11 + b"\x00"))),
    wds("name of 1 MB", "refused", "a header of absurd size", shard([], raw_header("00004000000", b"L"))),
    wds("attributes of negative size", "refused", "absurd size",
          shard([], raw_header(b"\xff" * 10 + b"\xfc\x00", b"x"))),
    cifar("pickle with a program", "refused", "mkdir, and could run any program",
          members=test_batch(lambda r: pickle.dumps({"data": Runs(r), "labels": [1]}, 2))),
    cifar("pickle with a program, protocol 5", "refused", "mkdir, and could run any program",
          members=test_batch(lambda r: pickle.dumps({"data": Runs(r), "labels": [1]}, 5))),
    cifar("pickle with a program in the names", "refused", "mkdir, and could run any program",
          members=lambda m, r: m.update({"cifar-10-batches-py/batches.meta": pickle.dumps(Runs(r), 0)})),
    cifar("pickle whose memo takes 16 GB", "refused", "a memo of", members=test_batch(b"\x80\x02}r\xff\xff\xff\x7f.")),
    cifar("pickle of 100,000 nested tuples", "refused", "tuples within tuples, more than 10 deep",
          members=test_batch(b"\x80\x02)" + b"\x85" * 100_000 + b".")),
    cifar("pickles that Python 3 wrote for Python 2", "imported", "all images", members=anew),
    cifar("pickle cut off", "refused", "the pickle is damaged", members=test_batch(batch([1, 2])[:-50])),
    cifar("array of another shape", "refused", "no array 'data' of N×3072", members=test_batch(batch([1, 2], 3000))),
    cifar("label out of range", "refused", "label 10 is out of range", members=test_batch(batch([1, 10]))),
    cifar("labels as names", "refused", "whole numbers as labels",
          members=test_batch(python2_pickle({"data": np.zeros((1, 3072), np.uint8), "labels": ["cat"]}))),
    cifar("batch that is missing", "refused", "'test_batch' is missing", members=lambda m, _: m.pop(TEST)),
    cifar("batch twice", "refused", "stands twice", members=lambda m, _: m.update({"other/test_batch": m[TEST]})),
    cifar("batch under ../../", "refused", "'test_batch' is missing", members=renamed(TEST, "../../test_batch")),
    cifar("member ../../escaped", "ignored", "leads out of", members=lambda m, _: m.update({"../../escaped": b"x"})),
    cifar("MD5 of no published archive", "refused", "its MD5 is", check=True),
    cifar("archive cut in half", "refused", "cannot be read as a tar", change=lambda c: c[: len(c) // 2]),
    cifar("archive of zeros", "refused", "not CIFAR as it is published", change=lambda c: gzip.compress(bytes(999))),
    cifar("binary batch cut off", "refused", "no multiple of 3073", source="cifar10-binary",
          members=lambda m, _: m.update({"cifar-10-batches-bin/test_batch.bin": b"x" * 5000})),
)  # fmt: skip


def _split_shards(root: Path, lister: Callable[[], Listing]) -> Callable[[], Listing]:
    for seed, name in enumerate(("x-train-000000.tar", "x-test-000000.tar")):
        write_tar(root / name, samples(GOOD, seed=seed))
    return lister


def _only(root: Path, members: list[tuple[str, bytes]]) -> Callable[[], Listing]:
    file = write_tar(root / "s.tar", members)
    return lambda: list_webdataset({"train": [str(file)]})

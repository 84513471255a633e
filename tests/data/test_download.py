"""A download that goes on where it was interrupted, against servers on localhost that do as they are told."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import re
import threading

import numpy as np
import pytest

from podium.data.sources import download
from podium.data.sources.cifar_download import download_cifar
from podium.data.sources.download import fetch
from podium.errors import DataError
from tests.data.source_made import write_cifar

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()


class Served:
    """What the server has and how it behaves; what it was asked."""

    def __init__(self) -> None:
        self.content, self.ranges, self.cut, self.silent, self.shift = CONTENT, True, None, False, 0
        self.length = True
        self.goes_on = threading.Event()
        self.asked: list[str | None] = []


@pytest.fixture
def served():
    state = Served()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and state.ranges else 0
            total = len(state.content)
            if start and start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.end_headers()
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start + state.shift}-{total - 1}/{total}")
            if state.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if state.cut is None else body[: state.cut])
            self.wfile.flush()
            if state.silent:
                state.goes_on.wait(60)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}/file.bin"
        yield state
        state.goes_on.set()
        server.shutdown()
        thread.join()


def is_right(file):
    if file.read_bytes() != CONTENT:
        raise DataError(f"{file}: another file", remedy="x")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "kept" / "file.bin"


def parts(target):
    return sorted(file.name for file in target.parent.iterdir())


def test_an_interrupted_download_goes_on_in_the_middle(served, target):
    told: list[tuple[int, int]] = []
    served.cut = 120_000
    with pytest.raises(DataError, match="the connection ended after 120,000 of 300,000 bytes") as caught:
        fetch(served.url, target, is_right)
    assert "go on at byte 120,000" in caught.value.remedy
    assert parts(target) == ["file.bin.part"]
    with pytest.raises(DataError, match="after 240,000 of 300,000"):
        fetch(served.url, target, is_right)
    served.cut = None
    fetch(served.url, target, is_right, lambda _, done, total: told.append((done, total)))
    assert served.asked == [None, "bytes=120000-", "bytes=240000-"]
    assert target.read_bytes() == CONTENT
    assert parts(target) == ["file.bin"]
    assert told[0] == (240_000, 300_000)
    assert told[-1] == (300_000, 300_000)


def test_a_server_without_ranges_sends_it_afresh(served, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    served.ranges = False
    fetch(served.url, target, is_right)
    assert served.asked == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("kept", [b"another file" * 100, CONTENT + b"more", b"x" * len(CONTENT)])
def test_a_file_that_changed_in_between_is_fetched_as_a_whole(served, target, kept):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(kept)
    fetch(served.url, target, is_right)
    assert served.asked == [f"bytes={len(kept)}-", None]
    assert target.read_bytes() == CONTENT


def test_a_complete_part_needs_no_byte_more(served, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(CONTENT)
    fetch(served.url, target, is_right)
    assert served.asked == [f"bytes={len(CONTENT)}-"]
    assert parts(target) == ["file.bin"]


def test_a_wrong_file_is_refused_and_not_kept(served, target):
    served.content = b"x" * 5000
    target.parent.mkdir()
    target.write_bytes(b"what was there before")
    with pytest.raises(DataError, match="another file"):
        fetch(served.url, target, is_right)
    target.with_name("file.bin.part").write_bytes(b"x" * 70)
    with pytest.raises(DataError, match="another file"):
        fetch(served.url, target, is_right)
    assert served.asked == [None, "bytes=70-", None]
    assert parts(target) == ["file.bin"]
    assert target.read_bytes() == b"what was there before"


def test_another_range_than_the_one_asked_for_is_refused(served, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    served.shift = 7
    with pytest.raises(DataError, match="another part of the file"):
        fetch(served.url, target, is_right)
    fetch(served.url, target, is_right)
    assert target.read_bytes() == CONTENT


def test_a_silent_server_is_given_up_and_what_came_is_kept(served, target, monkeypatch):
    monkeypatch.setattr(download, "_SECONDS", 2)
    served.cut, served.silent = 50_000, True
    with pytest.raises(DataError, match=r"cannot be fetched \(timed out\)"):
        fetch(served.url, target, is_right)
    assert target.with_name("file.bin.part").read_bytes() == CONTENT[:50_000]
    served.cut, served.silent = None, False
    fetch(served.url, target, is_right)
    assert served.asked == [None, "bytes=50000-"]


def test_too_many_bytes_are_refused(served, target, monkeypatch):
    monkeypatch.setattr(download, "_MOST_BYTES", 100_000)
    for length in (True, False):
        served.length = length
        with pytest.raises(DataError, match="more than 100,000 bytes"):
            fetch(served.url, target, is_right)
        assert parts(target) == []


def test_two_downloads_of_one_file_do_not_mix(served, target):
    target.parent.mkdir()
    with target.with_name("file.bin.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another download is writing there"):
            fetch(served.url, target, is_right)
    fetch(served.url, target, is_right)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://[/x", "http://127.0.0.1:port/x", "ftp://x/y", "x"])
def test_an_address_that_gives_nothing_is_one_error(target, url):
    with pytest.raises(DataError):
        fetch(url, target, is_right)
    assert not target.parent.exists() or parts(target) == []


def test_an_archive_of_cifar_is_checked_when_it_was_put_together(served, tmp_path):
    served.content = write_cifar(tmp_path / "small.tar.gz").read_bytes()
    digest = hashlib.md5(served.content).hexdigest()
    served.cut = len(served.content) // 3
    with pytest.raises(DataError, match="the connection ended"):
        download_cifar("cifar10", tmp_path / "kept", url=served.url, md5=digest)
    served.cut = None
    fetched = download_cifar("cifar10", tmp_path / "kept", url=served.url, md5=digest)
    assert fetched.read_bytes() == served.content
    assert served.asked == [None, f"bytes={len(served.content) // 3}-"]

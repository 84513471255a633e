"""Atomic writes: old or new, never half."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from podium import atomic


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    atomic.write_text(file, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write_text(file, "new")
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_others_write_replaces_the_old_one_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "made" / "w.bin"
    with atomic.new_file(file) as fresh:
        fresh.write_bytes(b"first")
        assert not file.exists()
    assert file.read_bytes() == b"first"
    assert file.stat().st_mode & 0o777 == 0o644

    def fail() -> None:
        with atomic.new_file(file) as fresh:
            fresh.write_bytes(b"half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert file.read_bytes() == b"first"
    assert [entry.name for entry in file.parent.iterdir()] == ["w.bin"]


def test_a_failed_directory_keeps_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "d"
    with atomic.new_directory(target) as folder:
        (folder / "x").write_text("old")

    def fail() -> None:
        with atomic.new_directory(target) as folder:
            (folder / "x").write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        fail()
    assert (target / "x").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.fixture(params=["exchange", "aside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of replacing a folder."""
    if request.param == "aside":
        monkeypatch.setattr(atomic, "_exchange", lambda a, b: False)
    return request.param


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path, way: str) -> None:
    target = tmp_path / "d"
    for name in ("first", "second"):
        with atomic.new_directory(target) as folder:
            (folder / name).write_text(name)
    assert [p.name for p in target.iterdir()] == ["second"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_the_old_directory_may_be_a_link_or_a_file(tmp_path: Path, way: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").write_text("precious")
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "file").write_text("old")
    for name in ("link", "dangling", "file"):
        with atomic.new_directory(tmp_path / name) as folder:
            (folder / "x").write_text("new")
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name / "x").read_text() == "new"
    assert (tmp_path / "elsewhere" / "mine").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "elsewhere", "file", "link"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_readers_always_find_a_directory(tmp_path: Path) -> None:
    """Exchanged in one step, neither the old nor the new one is ever missing."""
    target = tmp_path / "d"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    if not atomic._exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this filesystem cannot exchange names")
    with atomic.new_directory(target) as folder:
        (folder / "x").write_text("0")
    ended, missed = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            if not target.exists():
                missed.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(100):
        with atomic.new_directory(target) as folder:
            (folder / "x").write_text(str(i))
    ended.set()
    reader.join()
    assert not missed


def test_an_exchange_that_is_refused_says_so_and_one_that_fails_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        atomic._exchange(tmp_path / "none", tmp_path / "neither")

    class Library:
        """A C library whose kernel does not know the call."""

        def renameat2(self, *_: object) -> int:
            ctypes.set_errno(errno.ENOSYS)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library())
    assert not atomic._exchange(tmp_path, tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert not atomic._exchange(tmp_path, tmp_path)


def test_names_and_contents_are_made_durable(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(Path(os.readlink(f"/proc/self/fd/{handle}"))))
    atomic.write_text(tmp_path / "a.json", "new")
    assert synced[-1] == tmp_path
    assert synced[0].name.startswith(".a.json.new-")
    for _ in range(2):
        synced.clear()
        with atomic.new_directory(tmp_path / "d") as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "x").write_text("x")
        assert {folder, folder / "sub", folder / "sub" / "x"} <= set(synced)
        assert synced[-1] == tmp_path


def test_what_a_killed_writer_leaves_can_be_recognized(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from podium import atomic
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
atomic.write_text(Path({str(tmp_path)!r}, "a.json"), "new")
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert len(list(tmp_path.glob(".a.json.new-*"))) == 1
    assert not (tmp_path / "a.json").exists()


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".report.html.new-abc").write_text("half")
    (tmp_path / ".data.old-xyz").mkdir()
    (tmp_path / ".data.old-xyz" / "file").touch()
    (tmp_path / "report.html").write_text("whole")
    (tmp_path / ".gitignore").touch()
    atomic.remove_leftovers(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".gitignore", "report.html"]
    atomic.remove_leftovers(tmp_path / "nowhere")

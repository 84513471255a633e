"""Atomic writes: old or new, never half."""

from __future__ import annotations

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


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "d"
    for name in ("first", "second"):
        with atomic.new_directory(target) as folder:
            (folder / name).write_text(name)
    assert [p.name for p in target.iterdir()] == ["second"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]

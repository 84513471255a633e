"""Paths that a command is to write to are refused before it works: option, path and remedy; nothing is made."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from podium.cli.outputs import ensure_writable, ensure_writable_folder
from podium.errors import ConfigError


def test_what_can_be_written_is_taken_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.html").write_text("old")
    (tmp_path / "gone.html").symlink_to("nowhere")
    for file in ("old.html", "new.html", "a/b/new.html", "gone.html", tmp_path / "deep" / "x.html"):
        ensure_writable(report=Path(file), out=None)
    ensure_writable_folder("--data-docs", tmp_path / "new" / "site")
    ensure_writable_folder("--data-docs", tmp_path)
    ensure_writable_folder("--data-docs", None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.html", "old.html"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (".", "is a folder"),
        ("file/page.html", "Not a directory"),
        ("file/deep/page.html", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null"),
        ("/proc/none/page.html", "No such file"),  # where not even root can write
    ],
)
def test_what_cannot_be_written_is_refused(given: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / given
    with pytest.raises(ConfigError) as caught:
        ensure_writable(report=path)
    assert caught.value.message.startswith(f"--report {path}: ")
    assert reason in caught.value.message
    assert caught.value.remedy
    assert caught.value.exit_code == 2


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:  # root may write everywhere
        assert dir == tmp_path
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for check in (lambda p: ensure_writable(out=p), lambda p: ensure_writable_folder("--out", p)):
        with pytest.raises(ConfigError, match=r"--out .*new/page: cannot be written \(Permission denied\)"):
            check(tmp_path / "new" / "page")


def test_two_options_do_not_share_a_file_and_a_site_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out .*: --report names it as well"):
        ensure_writable(report=tmp_path / "x", out=tmp_path / "." / "x")
    (tmp_path / "x").write_text("")
    with pytest.raises(ConfigError, match=r"--data-docs .*: is no folder"):
        ensure_writable_folder("--data-docs", tmp_path / "x")

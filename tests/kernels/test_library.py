"""Compiling: what is missing is told, nothing stays behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.kernels import library
from podium.kernels.library import NoKernels


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has compiled nothing."""
    monkeypatch.setattr(library, "_compiled", library._compiled.__wrapped__)


@pytest.mark.usefixtures("anew")
def test_without_a_compiler_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library.why_not() == "there is no C compiler (cc, gcc or clang)"
    with pytest.raises(NoKernels):
        library.library("norm", 8)


@pytest.mark.usefixtures("anew")
def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'no stdlib' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library.why_not() == "cc failed: no stdlib"


@pytest.mark.usefixtures("anew")
def test_a_compiler_that_makes_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = tmp_path / "cc"
    strange.write_text('#!/bin/sh\nfor last; do :; done\necho text >"$last"\n')
    strange.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "cannot be loaded" in (library.why_not() or "")


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), subprocess.TimeoutExpired("cc", 120)], ids=str
)
def test_what_the_machine_refuses_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(library.subprocess, "run", refuse)
    assert library.why_not() == f"they cannot be compiled here: {error}"


@pytest.mark.usefixtures("anew")
def test_elsewhere_than_on_linux_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "made for Linux" in (library.why_not() or "")


@pytest.mark.slow
def test_nothing_stays_behind_and_each_is_compiled_once(tmp_path: Path) -> None:
    script = (
        "from podium.kernels import library, why_not\n"
        "assert why_not() is None\n"
        "assert library.library('norm', 8) is library.library('norm', 8)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_importing_compiles_nothing() -> None:
    script = "import podium.kernels.library as l; assert l._compiled.cache_info().currsize == 0"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_vectors_fit_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_has_avx512", lambda: True)
    assert [library.lanes_for(32, 64), library.lanes_for(24, 64), library.lanes_for(3, 64)] == [16, 8, None]
    monkeypatch.setattr(library, "_has_avx512", lambda: False)
    assert [library.lanes_for(32, 64), library.lanes_for(24, 64), library.lanes_for(3, 64)] == [8, 8, None]

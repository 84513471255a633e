"""The hook by which a skip fails under ``CI=true``, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SKIPS = """
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("no chromium here")

@pytest.mark.skipif(True, reason="not on this system")
def test_is_marked(): pass

@pytest.fixture
def missing(): pytest.skip("no data here")

def test_has_no_data(missing): pass

@pytest.mark.xfail(reason="known")
def test_is_known_to_fail(): assert False
"""
REASONS = ("no chromium here", "not on this system", "no data here")


def ran(folder: Path, ci: str | None) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("PYTEST")}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | ({"CI": ci} if ci else {})
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "tests.no_skips", "-p", "no:cacheprovider",
         "--rootdir", str(folder), "-c", os.devnull, "--noconftest", str(folder)],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_skip_is_a_failure_under_ci(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SKIPS)
    done = ran(tmp_path, "true")
    assert done.returncode == 1, done.stdout
    assert "1 passed, 1 xfailed" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]
    for reason in REASONS:
        assert f"Skipped: {reason} - and CI=true" in done.stdout, done.stdout


@pytest.mark.slow
def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SKIPS)
    done = ran(tmp_path, None)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 3 skipped, 1 xfailed" in done.stdout


@pytest.mark.slow
def test_a_module_that_is_skipped_is_a_failure_too(tmp_path: Path) -> None:
    (tmp_path / "test_absent.py").write_text("import pytest\npytest.importorskip('no_such_module_anywhere')\n")
    done = ran(tmp_path, "true")
    assert done.returncode == 2, done.stdout
    assert "no_such_module_anywhere" in done.stdout
    assert "and CI=true" in done.stdout

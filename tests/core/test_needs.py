"""How tests get the programs that they need, with a made apt-get."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import needs

APT = """#!/bin/sh
# Fails while another is at work, and as often as the file says; then it installs what it is asked for last.
mkdir {0}/at-work 2>/dev/null || {{ echo "E: Could not get lock" >&2; exit 100; }}
sleep 0.05
for last; do :; done
echo "$last" >> {0}/asked
if [ "$last" != update ]; then
    left=$(cat {0}/failures)
    if [ "$left" -gt 0 ]; then
        echo $((left - 1)) > {0}/failures; rmdir {0}/at-work
        echo "E: Unable to fetch $last" >&2; exit 100
    fi
    printf '#!/bin/sh\\n' > {0}/bin/"$last"; chmod +x {0}/bin/"$last"
fi
rmdir {0}/at-work
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "failures").write_text("0")
    apt = tmp_path / "bin" / "apt-get"
    apt.write_text(APT.format(tmp_path))
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(needs, "PAUSES", (0.0, 0.0, 0.0))
    return tmp_path


def test_two_at_a_time_do_not_hinder_each_other(machine: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(needs.have, ("made-a", "made-b", "made-a", "made-c"), ("made-a", "made-b", "made-a", "made-c")))
    assert sorted((machine / "asked").read_text().split()) == ["made-a", "made-b", "made-c", *["update"] * 3]


def test_what_failed_is_tried_again(machine: Path) -> None:
    (machine / "failures").write_text("2")
    needs.have("made-a", "made-a")
    assert (machine / "asked").read_text().split() == ["update", "made-a"] * 3


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_what_apt_says_is_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    (machine / "failures").write_text("9")
    with pytest.raises(outcome, match="no made-a here: apt-get install: E: Unable to fetch made-a"):
        needs.have("made-a", "made-a")


def test_who_is_not_root_installs_nothing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="no made-a here: it can be installed by root"):
        needs.have("made-a", "made-a")
    assert not (machine / "asked").exists()

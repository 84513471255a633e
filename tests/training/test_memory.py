"""Free memory: the least of what the system and the limits of the process's control groups leave."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from podium.training import feed, hardware
from podium.training.cgroup import free_in_groups
from podium.training.feed import margin

CPU = torch.device("cpu")


def group(folder: Path, version: int, limit: str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    total = "" if version == 2 else "total_"
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    stat = f"anon 77\n{total}inactive_file {cached}\n{total}active_file 5\n"
    (folder / "memory.stat").write_text(stat)


def free(tmp_path: Path, line: str) -> float:
    (tmp_path / "cgroup").write_text(f"12:cpuset:/other\n{line}\n")
    return free_in_groups(tmp_path / "cgroup", tmp_path / "mount")


@pytest.mark.parametrize("version", [1, 2])
def test_the_least_limit_counts(version: int, tmp_path: Path) -> None:
    top = tmp_path / "mount" / ("memory" if version == 1 else ".")
    line = "0::/job/step" if version == 2 else "4:cpu,memory:/job/step"
    group(top / "job" / "step", version, "9000", 1000, 200)
    assert free(tmp_path, line) == 9000 - 1000 + 205
    group(top / "job", version, "4000", 3000, 100)
    assert free(tmp_path, line) == 4000 - 3000 + 105
    group(top, version, "3000", 9000)
    assert free(tmp_path, line) == 0


def test_the_top_counts_where_a_container_sees_no_more(tmp_path: Path) -> None:
    group(tmp_path / "mount" / "memory", 1, "5000", 1000)
    assert free(tmp_path, "4:memory:/docker/0123") == 4005
    group(tmp_path / "mount", 2, "6000", 1000)
    assert free(tmp_path, "0::/../../job") == 5005


@pytest.mark.parametrize("limit", ["max", "nonsense"])
def test_no_limit_is_none(limit: str, tmp_path: Path) -> None:
    group(tmp_path / "mount", 2, limit, 1000)
    assert free(tmp_path, "0::/") == math.inf
    assert free_in_groups(tmp_path / "missing", tmp_path / "mount") == math.inf


def test_the_system_and_the_limit_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "free_in_groups", lambda: math.inf)
    whole = hardware.free_memory(CPU)
    monkeypatch.setattr(hardware, "free_in_groups", lambda: 1000)
    assert hardware.free_memory(CPU) == 1000 < whole


def test_the_margin_follows_what_is_free() -> None:
    assert margin(100 << 30) == feed.MARGIN
    assert margin(8 << 30) == 2 << 30
    assert margin(0) == 0

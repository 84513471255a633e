"""Memory that Linux's control groups leave to this process: the limit of a container or of a scheduler's job."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROCESS: Final = Path("/proc/self/cgroup")
MOUNT: Final = Path("/sys/fs/cgroup")

_V2: Final = ("memory.max", "memory.current", ("inactive_file", "active_file"))
_V1: Final = ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))


def free_in_groups(process: Path = PROCESS, mount: Path = MOUNT) -> float:
    """Bytes that can be taken before a limit of the process's group, or of one above it, is reached.

    Cached files count as free: the kernel drops them first.

    Args:
        process: Lists the groups of the process; see ``man 7 cgroups``.
        mount: Where their files are: those of version 2, and below ``memory`` those of version 1.

    Returns:
        Infinity where there is no limit.
    """
    free = math.inf
    for top, group, names in _groups(process, mount):
        folder = top / group
        # In a container the path is often the host's, and only the top is there.
        for place in (folder, *folder.parents):
            free = min(free, _free(place, *names))
            if place == top:
                break
    return free


def _groups(process: Path, mount: Path) -> Iterator[tuple[Path, str, tuple[str, str, tuple[str, ...]]]]:
    try:
        lines = process.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        group = path.lstrip("/")
        if ".." in group.split("/"):
            group = ""  # of a group outside the container's view
        if number == "0" and not controllers:
            yield mount, group, _V2
        elif "memory" in controllers.split(","):
            yield mount / "memory", group, _V1


def _free(group: Path, limit: str, usage: str, cached: tuple[str, ...]) -> float:
    try:
        most = (group / limit).read_text().strip()
        if most == "max":
            return math.inf
        used = int((group / usage).read_text())
        entries = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        droppable = sum(int(value) for name, value in entries if name in cached)
        return max(0, int(most) - used + droppable)
    except (OSError, ValueError):
        return math.inf

"""``make infra-check``: say of each part what is wrong with it; exit status 1 if anything is."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Check everything. Returns the exit status."""
    from infra.checks import image, kubernetes, team, units, zenml_pods

    server = ROOT / "infra" / "team"
    folder = ROOT / "infra" / "kubernetes"
    quickstart = ROOT / "configs" / "quickstart.yaml"
    return sum([
        _told("kubernetes", kubernetes.folder_faults(folder)),
        _told("image", image.dockerfile_faults(folder / "Dockerfile")),
        _told("jobs that ZenML makes", kubernetes.pod_faults(folder, zenml_pods.build(ROOT, quickstart))),
        _told("compose.yaml", team.compose_faults(server / "compose.yaml")),
        _told("what units are given", units.supply_faults(server, ROOT / "infra" / "README.md")),
        _with("systemd-analyze", lambda scratch: team.unit_faults(server / "systemd", scratch)),
        _with("nginx", lambda scratch: team.proxy_faults(server / "nginx", scratch, {80: _free(), 443: _free()})),
    ]) and 1  # fmt: skip


def _with(program: str, check: Callable[[Path], Iterable[str]]) -> int:
    """A check that takes a program, which not every machine has, and an empty folder."""
    if shutil.which(program) is None:
        sys.stdout.write(f"what {program} says: not asked, it is not installed here\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="podium-infra-") as scratch:
        return _told(f"what {program} says", check(Path(scratch)))


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _told(what: str, faults: Iterable[str]) -> int:
    found = list(faults)
    sys.stdout.write(f"{what}: {'right' if not found else ''}\n" + "".join(f"  {fault}\n" for fault in found))
    return len(found)


if __name__ == "__main__":
    sys.exit(main())

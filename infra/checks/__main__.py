"""``make infra-check``: say of each part what is wrong with it; exit status 1 if anything is."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Check everything. Returns the exit status."""
    from infra.checks import image, kubernetes, zenml_pods

    folder = ROOT / "infra" / "kubernetes"
    quickstart = ROOT / "configs" / "quickstart.yaml"
    return sum([
        _told("kubernetes", kubernetes.folder_faults(folder)),
        _told("image", image.dockerfile_faults(folder / "Dockerfile")),
        _told("jobs that ZenML makes", kubernetes.pod_faults(folder, zenml_pods.build(ROOT, quickstart))),
    ]) and 1  # fmt: skip


def _told(what: str, faults: Iterable[str]) -> int:
    found = list(faults)
    sys.stdout.write(f"{what}: {'right' if not found else ''}\n" + "".join(f"  {fault}\n" for fault in found))
    return len(found)


if __name__ == "__main__":
    sys.exit(main())

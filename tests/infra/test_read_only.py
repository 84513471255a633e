"""The data set gets onto the volume of a pod: a read-only checkout, as in the image, with a link onto the volume."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.checks import image
from podium.data import open_dataset, write_dataset
from podium.data.dvc import track
from tests.conftest import ROOT, make_arrays
from tests.needs import unavailable
from tests.product.workspace import BIN

pytestmark = pytest.mark.slow

# Everything is read-only but what a pod mounts: its volume and its scratch. /dev and /proc are mounts of their own.
POD = """
set -eu
for place in "$VOLUME" "$SCRATCH"; do mount --bind "$place" "$place"; done
for place in /tmp /var/tmp /; do mountpoint -q "$place" && mount -o remount,bind,ro "$place"; done
if touch "$PODIUM_ROOT/probe" /var/tmp/probe 2>/dev/null; then echo "not read-only" >&2; exit 9; fi
exec "$@"
"""
UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class Pod:
    """Folders as the Dockerfile lays them out, and a remote outside."""

    def __init__(self, folder: Path) -> None:
        self.app, self.volume, self.scratch = (folder / name for name in ("app", "podium", "tmp"))
        self.remote = folder / "remote"
        for made in (self.app / ".dvc", self.volume, self.scratch):
            made.mkdir(parents=True)
        shutil.copytree(ROOT / "configs", self.app / "configs")
        shutil.copy(ROOT / "data.dvc", self.app)
        (self.app / ".dvc" / "config").write_text(
            f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {self.remote}\n"
        )
        (self.app / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
        (self.app / "data").symlink_to(self.volume / "data")

    def call(self, *command: str) -> str:
        """Run a command of Podium's in the pod."""
        own = {"/podium": self.volume, "/tmp": self.scratch}
        places = image.written(ROOT / "infra" / "kubernetes" / "Dockerfile")
        variables = {
            name: path.replace(mount, str(place), 1)
            for name, path in places.items()
            for mount, place in own.items()
            if path.startswith(mount) and not name.startswith("/")
        }
        variables |= {"PODIUM_ROOT": str(self.app), "VOLUME": str(self.volume), "SCRATCH": str(self.scratch)}
        variables |= {"TMPDIR": str(self.scratch), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*UNSHARE, "sh", "-c", POD, "sh", *command],
            env={**os.environ, **variables}, cwd=self.app, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        unavailable("no mount namespace can be made here")
    return Pod(tmp_path)


PODIUM = str(BIN / "podium")


def test_what_is_embedded_and_what_a_remote_has(pod: Pod, tmp_path: Path) -> None:
    assert ", fetched" in pod.call(PODIUM, "data", "restore", "--pull")
    assert open_dataset(pod.volume / "data").manifest.name == "digits"
    assert ", kept" in pod.call(PODIUM, "data", "restore", "--pull")
    # A new image records data that only the remote has.
    there = tmp_path / "checkout"
    shutil.copytree(pod.app / ".dvc", there / ".dvc")
    splits = {name: make_arrays(9, seed=seed) for seed, name in enumerate(("train", "validation", "test"))}
    names = ("left", "middle", "right")
    made = write_dataset(there / "data", splits, name="t", class_names=names, source="made", licence="CC0-1.0")
    assert track(there / "data", there / "data.dvc", made.digest) == "recorded"
    subprocess.run([sys.executable, "-m", "dvc", "push", "--quiet"], cwd=there, check=True)
    shutil.copy(there / "data.dvc", pod.app)
    assert ", fetched" in pod.call(PODIUM, "data", "restore", "--pull")
    fetched = open_dataset(pod.volume / "data")
    fetched.verify()
    assert fetched.manifest.digest == made.digest
    assert (pod.volume / ".dvc" / "cache").is_dir()
    assert yaml.safe_load((pod.app / "data.dvc").read_text())["meta"]["podium"] == {"digest": made.digest}

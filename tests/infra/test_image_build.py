"""The image, built by a real dockerd: every instruction; for the 5 GB of packages, uv has a stand-in.

Its base is a Debian that debootstrap makes, since no registry of images can be reached from where this was made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.needs import have, unavailable

pytestmark = pytest.mark.slow

# Makes of what it is given what the last stage copies, and refuses calls that it does not know.
UV: Final = """#!/bin/sh
set -eu
case "$1 $2" in
  "python install") mkdir -p /opt/python ;;
  "venv --python") mkdir -p /opt/podium/bin ;;
  "pip sync") [ "$VIRTUAL_ENV" = /opt/podium ] && grep -q -- --hash=sha256: /build/requirements.lock ;;
  "pip install") test -f /app/pyproject.toml && test -f /app/README.md && test -f /app/src/podium/cli/__init__.py
    printf '#!/bin/sh\\necho "podium $*"\\n' > /opt/podium/bin/podium && chmod 755 /opt/podium/bin/podium ;;
  *) exit 2 ;;
esac
"""
# What a pod finds in it, and may do.
LOOK: Final = """
set -eu
id -u; readlink /app/data; cat /app/.dvc/config.local; pg_dump --version; mariadb-dump --version; podium doctor
for name in PODIUM_ROOT PODIUM_STATE DVC_SITE_CACHE_DIR PODIUM_COMMIT HOME; do printenv "$name"; done
mkdir -p "$PODIUM_STATE" "$DVC_SITE_CACHE_DIR" /app/data/new
if touch /app/probe 2>/dev/null; then echo "not read-only"; fi
ls -A /app
"""


class Docker:
    """A dockerd of its own: no bridge, no rules in the host's firewall."""

    def __init__(self, folder: Path) -> None:
        self.host = f"unix://{folder}/socket"
        command = [
            "setpriv", "--pdeathsig", "TERM", "dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec",
            "--pidfile", folder / "pid", "-H", self.host, "--bridge=none", "--iptables=false", "--ip6tables=false",
            "--ip-masq=false",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def call(self, *command: str | Path, given: Path | None = None, check: bool = True) -> str:
        """Run a command of docker's client; what it prints."""
        variables = os.environ | {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}
        with (given or Path(os.devnull)).open("rb") as stream:
            done = subprocess.run(
                ["docker", *command], stdin=stream, env=variables, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def runs(self) -> bool:
        return "Server" in self.call("version", check=False) and self.process.poll() is None


@pytest.fixture
def docker() -> Iterator[Docker]:
    have("dockerd", "docker.io")
    have("docker", "docker.io")
    have("debootstrap", "debootstrap")
    folder = Path(tempfile.mkdtemp(prefix="podium-docker-"))
    made = Docker(folder)
    try:
        try:
            subprocess.run(
                ["timeout", "180", "sh", "-c", f"until test -S {folder}/socket; do sleep 0.1; done"], check=True
            )
        except subprocess.CalledProcessError:
            unavailable(f"dockerd does not start here: {(folder / 'log').read_text()[-500:]}")
        yield made
    finally:
        made.process.terminate()
        made.process.wait(60)
        subprocess.run(["umount", folder / "exec" / "netns" / "default"], capture_output=True, check=False)
        shutil.rmtree(folder)


def base(docker: Docker, folder: Path) -> None:
    """The images ``base:1``, a small Debian, and ``python:1``, the same with the stand-in for uv."""
    system = folder / "system"
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", system], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    packed = folder / "system.tar"
    subprocess.run(["tar", "-C", system, "-cf", packed, "."], check=True)
    docker.call("import", "-", "base:1", given=packed)
    stand_in = folder / "stand_in"
    stand_in.mkdir()
    for name, text in {"uv": UV, "python": '#!/bin/sh\ntest "$1 $2 $3" = "-m pip install"\n'}.items():
        (stand_in / name).write_text(text)
        (stand_in / name).chmod(0o755)
    (stand_in / "Dockerfile").write_text("FROM base:1\nCOPY uv python /usr/local/bin/\n")
    docker.call("build", "--tag", "python:1", stand_in)


def test_each_instruction(docker: Docker, tmp_path: Path) -> None:
    base(docker, tmp_path)
    file = ROOT / "infra" / "kubernetes" / "Dockerfile"
    arguments = [f"--build-arg={one}" for one in ("BASE=base:1", "PYTHON=python:1", "COMMIT=0a1b2c")]
    docker.call("build", "--network=host", "--file", file, *arguments, "--tag", "podium:1", ROOT)
    mounts = [f"--tmpfs={place}:uid=10001,gid=10001" for place in ("/podium", "/tmp")]
    volume = "mkdir /podium/data;"
    lines = docker.call(
        "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", *mounts, "podium:1", "sh", "-c", volume + LOOK
    ).splitlines()
    assert lines[:4] == ["10001", "/podium/data", "[core]", "    no_scm = true"]
    assert lines[4].startswith("pg_dump (PostgreSQL)")
    assert "MariaDB" in lines[5]
    assert lines[6:12] == ["podium doctor", "/app", "/podium/state", "/tmp/dvc", "0a1b2c", "/tmp"]
    assert "not read-only" not in lines
    there = set(lines[12:])
    assert {"configs", "data", "data.dvc", "infra", "pipelines", "src", "steps", ".dvc"} <= there
    assert not there & {".git", ".venv", ".podium", "tests"}

"""Servers for DVC's remotes, on the loopback device: OpenSSH, and OpenStack Swift with its S3 API."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.needs import found, have, obtain, unavailable
from tests.ports import free_port

SWIFT = ROOT / "infra" / "remotes"


@contextmanager
def serving(command: Sequence[str | Path], port: int, log: Path) -> Iterator[None]:
    """Run a server until the block ends; it has to listen within two minutes."""
    with log.open("wb") as stream:
        server = subprocess.Popen(list(command), stdout=stream, stderr=stream, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while True:
            if server.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command[0]} does not serve: {log.read_text(errors='replace')[-2000:]}")
            if _listens(port):
                break
            time.sleep(0.05)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ssh_server(folder: Path, home: Path) -> Iterator[int]:
    """An sshd of its own with its own keys; ``home/.ssh`` gets the user's key and the host's. Yields the port."""
    have("ssh-keygen", "openssh-client")
    program, port = obtain(lambda: found("sshd"), "OpenSSH server", ("openssh-server",)), free_port()
    folder.mkdir(mode=0o700)
    (home / ".ssh").mkdir(mode=0o700)
    for file in (folder / "host", home / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    shutil.copy(home / ".ssh" / "id_ed25519.pub", folder / "authorized")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, as root, separates privileges
    with serving([program, "-D", "-e", "-f", folder / "config"], port, folder / "log"):
        yield port


def ssh_address(port: int, folder: Path) -> str:
    return f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """A Swift cluster of one node; yields the address of its S3 API. See infra/remotes."""
    folder.mkdir()
    python, uv = folder / "env" / "bin" / "python", Path(sys.executable).with_name("uv")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder / "env"],
        [uv, "pip", "install", "--quiet", "--python", python, "--requirements", SWIFT / "requirements.txt"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            unavailable(f"OpenStack Swift cannot be installed: {done.stderr.strip()[-500:]}")
    try:
        os.setxattr(python.parent, "user.podium", b"1")
    except OSError:
        unavailable(f"{folder} is on a filesystem without extended attributes, which Swift needs")
    port = free_port()
    with serving([python, SWIFT / "swift_server.py", folder / "swift", str(port)], port, folder / "log"):
        texts = [file.read_text() for file in (folder / "swift").glob("*.conf")]
        others = [int(own) for text in texts for own in re.findall(r"^bind_port = (\d+)$", text, re.MULTILINE)]
        until = time.monotonic() + 120
        while not all(map(_listens, others)):  # those behind the proxy, processes of their own
            assert time.monotonic() < until, (folder / "log").read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"

"""How Slurm's commands and a job's files are reached: on this machine, or through SSH to a login node.

Files go the same way as commands, since a laptop does not see the cluster's file system. What is written goes through
standard input: a command line can be read by every user of a machine.
"""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podium.errors import PodiumError

TIMEOUT: Final = 60.0
"""Seconds; Slurm's own commands give up after some ten."""
_KEPT: Final = ("HOME", "LANG", "LOGNAME", "PATH", "SLURM_CONF", "SSH_AUTH_SOCK", "USER")
"""Of our environment: sbatch would hand all of it, credentials included, to the job."""

BLOCK: Final = 65536
"""Bytes of a file that are read at a time."""
_WRITE: Final = """umask 077 && mkdir -p -- "$1" && cd -- "$1" || exit
while read -r name content; do
  printf %s "$content" | base64 -d > ".$name.new" && mv -- ".$name.new" "$name" || exit
done"""
_READ: Final = """cd -- "$1" 2>/dev/null || exit 0
shift
for name; do [ -f "$name" ] && printf '%s %s\\n' "$name" "$(base64 < "$name" | tr -d '\\n')"; done; :"""
_TAILS: Final = f"""while read -r offset path; do
  printf '%s\\n' "$(tail -c +"$offset" -- "$path" 2>/dev/null | head -c {BLOCK} | base64 | tr -d '\\n')"
done"""


class SlurmError(PodiumError):
    """Slurm refuses a job, or a job ended without a result."""


class SlurmUnreachable(SlurmError):
    """The controller, or the login node, does not answer; jobs run on meanwhile."""


@dataclass(frozen=True)
class Done:
    """An ended command."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Transport:
    """The place where Slurm's commands are called. Equal ones are one place."""

    host: str | None = None
    """A login node; None is this machine."""
    options: tuple[str, ...] = ()
    """More options of ssh."""
    conf: str | None = None
    """Slurm's configuration file; the environment's ``SLURM_CONF``, or the machine's own, unless given."""

    def command(self, command: Sequence[str]) -> list[str]:
        """The local command that runs a command there. One connection serves all (``ControlMaster``)."""
        if self.host is None:
            return list(command)
        shared = ("-oControlMaster=auto", "-oControlPath=~/.ssh/podium-%C", "-oControlPersist=60")
        asking = ("-oBatchMode=yes", "-oConnectTimeout=15")  # nobody is there to type a password
        # ssh takes the first of two equal options.
        return ["ssh", *self.options, *asking, *shared, "--", self.host, shlex.join(command)]

    def run(self, *command: str, stdin: str = "") -> Done:
        """Run a command to its end.

        Raises:
            SlurmUnreachable: The machine does not answer in time.
            SlurmError: There is no such program here.
        """
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        if self.conf is not None:
            environment["SLURM_CONF"] = self.conf
        if self.host is not None:
            Path("~/.ssh").expanduser().mkdir(mode=0o700, exist_ok=True)  # for the shared connection's socket
        try:
            done = subprocess.run(
                self.command(command), input=stdin, capture_output=True, text=True, errors="replace", check=False,
                timeout=TIMEOUT, env=environment,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SlurmUnreachable(f"{self.place}: {command[0]} did not end within {TIMEOUT:.0f} s") from None
        except FileNotFoundError as error:
            raise SlurmError(
                f"there is no {error.filename} on this machine", remedy="install Slurm's client, or set host"
            ) from None
        if self.host is not None and done.returncode == 255:  # ssh's own failure
            raise SlurmUnreachable(f"{self.place}: {last_line(done.stderr)}", remedy=f"try: ssh {self.host} sinfo")
        return Done(done.returncode, done.stdout, done.stderr)

    @property
    def place(self) -> str:
        """Its name in a message."""
        return self.host or "this machine"

    def write(self, folder: str, files: Mapping[str, str]) -> None:
        """Write files that nobody else may read into a folder, which is made if need be. Raises SlurmError."""
        lines = [f"{name} {base64.b64encode(text.encode()).decode()}\n" for name, text in files.items()]
        done = self.run("sh", "-c", _WRITE, "write", folder, stdin="".join(lines))
        if done.status:
            raise SlurmError(f"{folder}: cannot be written on {self.place}: {last_line(done.stderr)}")

    def read(self, folder: str, *names: str) -> dict[str, str]:
        """The content of those files of a folder that are there."""
        done = self.run("sh", "-c", _READ, "read", folder, *names)
        return {name: _text(content) for name, _, content in (line.partition(" ") for line in done.stdout.splitlines())}

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """The sizes of those files that are there, in bytes."""
        if self.host is None:
            return {path: size for path in paths if (size := _size(path)) is not None}
        listed = self.run("xargs", "-0", "-r", "stat", "--printf=%s %n\\n", "--", stdin="\0".join(paths)).stdout
        return {path: int(size) for size, _, path in (line.partition(" ") for line in listed.splitlines())}

    def tails(self, offsets: Mapping[str, int]) -> dict[str, bytes]:
        """What stands in files behind so many bytes, :data:`BLOCK` of each at most; nothing where there is no file."""
        if self.host is None:
            return {path: _tail(path, offset) for path, offset in offsets.items()}
        asked = "".join(f"{offset + 1} {path}\n" for path, offset in offsets.items())
        lines = self.run("sh", "-c", _TAILS, stdin=asked).stdout.splitlines()
        return {path: base64.b64decode(line) for path, line in zip(offsets, lines, strict=False)}

    def remove(self, folder: str, *names: str) -> None:
        """Remove files of a folder, if they are there."""
        self.run("rm", "-f", "--", *(str(Path(folder) / name) for name in names))


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _tail(path: str, offset: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(BLOCK)
    except OSError:
        return b""


def _text(content: str) -> str:
    return base64.b64decode(content).decode(errors="replace")


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"

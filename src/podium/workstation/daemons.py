"""Start and stop munge, Slurm's controller and its node daemon as the user who calls, without root."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from podium import atomic
from podium.errors import PodiumError
from podium.workstation.files import PARTITION, TASK_PROLOG, Place, gres_conf, slurm_conf
from podium.workstation.machine import Machine

PACKAGES: Final = "slurmctld slurmd slurm-client munge"
_WAIT: Final = 60.0
"""Seconds for a daemon to begin or to end."""
_LONGEST: Final = 60
"""Of a path, in characters: that of a socket in it may have 107, and Slurm's have the host's name."""
DAEMONS: Final = ("munged", "slurmctld", "slurmd")


def place_of(state: Path) -> Place:
    """Where the workstation of a state folder is. The ports stay what they were when it was set up first."""
    folder = state / "workstation"
    run = folder / "run"
    if len(str(run)) > _LONGEST:  # not the user's runtime folder: it goes when the user logs out
        tag = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        run = Path(tempfile.gettempdir()) / f"podium-{os.getuid()}-{tag}"
    return Place(folder=folder, run=run, user=getpass.getuser(), ports=_ports(folder))


def up(place: Place, machine: Machine) -> list[str]:
    """Write the files and start what does not run; started again where the machine or a file has changed.

    Returns:
        What was done, a line each; nothing where all was as it should be.

    Raises:
        PodiumError: A program is missing, a folder belongs to somebody else, or a daemon does not begin.
    """
    _programs()
    _folders(place)
    files = {"slurm.conf": slurm_conf(machine, place), "gres.conf": gres_conf(machine), "cgroup.conf": ""}
    files[place.task_prolog.name] = TASK_PROLOG
    told = []
    if changed := [name for name, text in files.items() if _text(place.folder / name) != text]:
        told += down(place, force=True) if running(place) else []
        for name in changed:
            atomic.write_text(place.folder / name, files[name])
        place.task_prolog.chmod(0o700)
    key = place.folder / "munge.key"
    if not key.exists():
        atomic.write_bytes(key, os.urandom(1024))
    key.chmod(0o400)
    commands: dict[str, tuple[str | Path, ...]] = {
        "munged": (
            "--force", f"--key-file={key}", f"--socket={place.socket}", f"--pid-file={place.folder / 'munged.pid'}",
            f"--log-file={place.folder / 'munged.log'}", f"--seed-file={place.folder / 'munge.seed'}",
        ),
        "slurmctld": ("-f", place.conf),
        "slurmd": ("-f", place.conf, "-N", machine.name),
    }  # fmt: skip
    for name in (one for one in DAEMONS if one not in running(place)):
        _start(place, name, commands[name])
        told.append(f"{name}: started")
    _until(lambda: _ready(place), place, "slurmctld")
    slurm(place, "scontrol", "update", f"PartitionName={PARTITION}", "State=UP")
    return told


def down(place: Place, *, force: bool = False) -> list[str]:
    """Stop the daemons, in good order.

    Args:
        place: Of the workstation.
        force: Also where jobs run: they are stopped, and start again with the next ``up``.

    Raises:
        PodiumError: Jobs run, or a daemon does not end.
    """
    pids = running(place)
    if "slurmctld" in pids and not force and (jobs := slurm(place, "squeue", "--noheader", "--format=%j").split()):
        raise PodiumError(
            f"{len(jobs)} jobs wait or run: {', '.join(jobs[:3])}{', …' if len(jobs) > 3 else ''}",
            remedy="wait for them, or stop all the same with --force: they are started again by the next `up`",
        )
    if "slurmctld" in pids and force:
        _requeue_all(place)
    for name in reversed([one for one in DAEMONS if one in pids]):
        os.kill(pids[name], signal.SIGTERM)
        _until(partial(_stopped, place, name), place, name)
    return [f"{name}: stopped" for name in pids]


def _requeue_all(place: Place) -> None:
    slurm(place, "scontrol", "update", f"PartitionName={PARTITION}", "State=DOWN")  # nothing starts any more
    jobs = slurm(place, "squeue", "--noheader", "--states=RUNNING", "--format=%A").split()
    for job in jobs:
        _try(place, "scontrol", "requeue", job)
    _until(lambda: not slurm(place, "squeue", "--noheader", "--states=RUNNING,COMPLETING"), place, "slurmctld")
    for job in jobs:
        _try(place, "scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm would hold them back two minutes


def _stopped(place: Place, name: str) -> bool:
    return name not in running(place)


def running(place: Place) -> dict[str, int]:
    """The process ids of those daemons that run."""
    found = {}
    for name in DAEMONS:
        told = _text(place.folder / f"{name}.pid").strip()
        if told.isdecimal() and _is(int(told), name):
            found[name] = int(told)
    return found


def slurm(place: Place, *command: str) -> str:
    """What a command of Slurm's prints. Raises PodiumError if it fails."""
    done = subprocess.run(command, env=_environment(place), capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise PodiumError(f"{command[0]}: {done.stderr.strip()}", remedy=f"look at {place.folder / 'slurmctld.log'}")
    return done.stdout


def _environment(place: Place) -> Mapping[str, str]:
    return os.environ | {"SLURM_CONF": str(place.conf)}


def _ready(place: Place) -> bool:
    state, _, node = _try(place, "sinfo", "--noheader", "--format=%t %n").strip().partition(" ")
    if state.startswith("down"):  # as it was left by a crash
        _try(place, "scontrol", "update", f"NodeName={node}", "State=RESUME")
    return state in ("idle", "mix", "alloc", "comp")


def _try(place: Place, *command: str) -> str:
    """As ``slurm``, where a failure may be: a job that has just ended, a daemon that is about to begin."""
    return subprocess.run(command, env=_environment(place), capture_output=True, text=True, check=False).stdout


def _programs() -> None:
    missing = [name for name in (*DAEMONS, "sbatch") if _which(name) is None]
    if missing:
        raise PodiumError(
            f"there is no {missing[0]} on this machine",
            remedy=f"install them (their own services may be off): apt-get install {PACKAGES}",
        )


def _which(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _folders(place: Place) -> None:
    for folder in (place.folder, place.folder / "state", place.run, place.run / "spool"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            raise PodiumError(f"{folder} is somebody else's", remedy="remove it, or set TMPDIR to a folder of yours")
        folder.chmod(0o700)


def _start(place: Place, name: str, arguments: tuple[str | Path, ...]) -> None:
    program = _which(name)
    assert program is not None
    log = place.folder / f"{name}.log"
    done = subprocess.run(
        [program, *arguments], env=_environment(place), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise PodiumError(f"{name} does not start: {(done.stdout + done.stderr).strip()}", remedy=f"look at {log}")
    _until(lambda: name in running(place), place, name)


def _until(condition: Callable[[], object], place: Place, name: str) -> None:
    last = time.monotonic() + _WAIT
    while not condition():
        if time.monotonic() > last:
            raise PodiumError(f"{name} does not answer", remedy=f"look at {place.folder / f'{name}.log'}")
        time.sleep(0.1)


def _is(pid: int, name: str) -> bool:
    """Whether a process is what its file says: after a start of the machine another may have its number."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except OSError:
        return False


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _ports(folder: Path) -> tuple[int, int]:
    lines = dict(line.split("=", 1) for line in _text(folder / "ports").splitlines())
    if {"controller", "node"} <= lines.keys():
        return int(lines["controller"]), int(lines["node"])
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
        free = one.getsockname()[1], other.getsockname()[1]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write_text(folder / "ports", f"controller={free[0]}\nnode={free[1]}\n")
    return free

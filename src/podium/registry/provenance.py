"""Who and which code: the person at the keyboard and the commit of the checkout."""

from __future__ import annotations

import getpass
import socket
import subprocess
from pathlib import Path

import yaml

from podium.config import Frozen


class CodeState(Frozen):
    """The code that a run used."""

    commit: str | None
    """Full hash; null outside a git checkout."""
    dirty: bool
    """Whether tracked files differed from that commit."""

    def __str__(self) -> str:
        return f"{self.commit or 'no commit'}{' with uncommitted changes' if self.dirty else ''}"


def code_state(root: Path) -> CodeState:
    """Ask git for the commit of ``root`` and for uncommitted changes of tracked files."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else None
    return CodeState(commit=commit, dirty=bool(changes))


def data_revision(data: Path) -> str | None:
    """DVC's hash of a data set folder, from the ``.dvc`` file beside it; None if DVC does not track it.

    The file's word is taken: ``podium data restore`` and ``dvc status`` compare it with the bytes.
    """
    record = data.with_name(f"{data.name}.dvc")
    try:
        outputs = yaml.safe_load(record.read_text(encoding="utf-8"))["outs"]
        return next(str(out["md5"]) for out in outputs if out.get("path") == data.name)
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration):
        return None


def current_user() -> str:
    """``name@host`` of whoever runs this process; the numeric id where the name is unknown."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None

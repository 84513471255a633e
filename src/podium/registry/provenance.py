"""Who and which code: the person at the keyboard and the commit of the checkout."""

from __future__ import annotations

import getpass
import logging
import os
import socket
import subprocess
from pathlib import Path

from podium.config import Frozen
from podium.data.restore import recorded_hash
from podium.digest import digest_file
from podium.errors import DataError
from podium.settings import checkout

_log = logging.getLogger(__name__)


class CodeState(Frozen):
    """The code that a run used."""

    commit: str | None
    """Full hash; null outside a git checkout."""
    dirty: bool
    """Whether tracked files differed from that commit."""

    def __str__(self) -> str:
        return f"{self.commit or 'no commit'}{' with uncommitted changes' if self.dirty else ''}"


def code_state(root: Path) -> CodeState:
    """Ask git for the commit of ``root`` and for uncommitted changes of tracked files.

    An image of containers holds no git: there ``PODIUM_COMMIT`` says from which commit it was built.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None and os.environ.get("PODIUM_COMMIT"):
        return CodeState(commit=os.environ["PODIUM_COMMIT"], dirty=False)
    changes = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else None
    return CodeState(commit=commit, dirty=bool(changes))


def data_revision(data: Path) -> str | None:
    """DVC's hash of what a data set folder holds, from the ``.dvc`` file beside it.

    None if DVC does not track the folder, or records another version than the one that is there (then
    ``dvc add`` has not been called since the import): a model never claims data that it has not seen.
    """
    record = data.with_name(f"{data.name}.dvc")
    try:
        revision = recorded_hash(data, record)
    except DataError as error:
        _log.warning("no revision of the data is noted: %s", error.message)
        return None
    if revision is None and record.is_file():
        _log.warning("%s records another version than the one in %s: no revision is noted", record, data)
    return revision


def environment_lock() -> str | None:
    """SHA-256 of the lock file beside the code that runs; None if Podium was installed without one.

    It says which packages were asked for, not that these are the installed ones.
    """
    lock = checkout() / "requirements.lock"
    return digest_file(lock) if lock.is_file() else None


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

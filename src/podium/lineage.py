"""Which code produced a result."""

from __future__ import annotations

import subprocess
from pathlib import Path

from podium.config.base import Frozen


class CodeVersion(Frozen):
    """A git commit, and whether the working tree differed from it."""

    commit: str | None
    """Null outside a git checkout, and before the first commit."""
    dirty: bool

    def __str__(self) -> str:
        if self.commit is None:
            return "not under version control"
        return self.commit[:12] + (" with uncommitted changes" if self.dirty else "")


def code_version(root: Path) -> CodeVersion:
    """Ask git about a checkout; a missing git or repository gives an unknown commit."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return CodeVersion(commit=None, dirty=True)
    return CodeVersion(commit=commit, dirty=bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

"""A checkout of its own for tests that run the product as a user does: in processes, with all state in its folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

BIN = Path(sys.executable).parent
_CODE = ("pipelines", "steps", "src")
"""Copied: what ZenML makes of a class depends on whether its file, links followed, lies in the checkout."""
_LINKS = ("pyproject.toml", "requirements.lock", "Makefile", "README.md", "infra")


@dataclass(frozen=True)
class Workspace:
    """A folder that is a checkout, with code and configuration of its own; commands run this code."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Lay out the folder; the data set is not imported yet."""
        root.mkdir(parents=True, exist_ok=True)
        for name in _LINKS:
            (root / name).symlink_to(ROOT / name)
        for name in _CODE:
            shutil.copytree(ROOT / name, root / name)
        shutil.copytree(ROOT / "configs", root / "configs")
        for name in ("data.dvc", "dvc.yaml"):
            shutil.copy(ROOT / name, root / name)
        (root / "home").mkdir()
        return cls(root)

    @property
    def state(self) -> Path:
        """Where Podium keeps everything."""
        return self.root / ".podium"

    def environment(self, **more: str) -> dict[str, str]:
        """A newcomer's environment: nothing of the developer's, a home of its own, one terminal width."""
        env = {key: os.environ[key] for key in ("LANG", "TMPDIR", "CI", "OMP_NUM_THREADS") if key in os.environ}
        env |= {
            "HOME": str(self.root / "home"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PODIUM_ROOT": str(self.root),
            "PYTHONPATH": str(self.root / "src"),
            "COLUMNS": "150",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        return env | more

    def start(self, *command: str | Path, **more: str) -> subprocess.Popen[str]:
        """Start a command of the environment in a process group of its own; output is merged."""
        return subprocess.Popen(
            [BIN / command[0], *command[1:]],
            cwd=self.root,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, *command: str | Path, expect: int = 0, **more: str) -> str:
        """Run a command to its end, check its exit status, and return what it printed."""
        done = subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=self.root,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=1100,
        )
        assert done.returncode == expect, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def json(self, *command: str | Path) -> Any:
        """Run ``podium … --json`` and parse what it prints on standard output."""
        return json.loads(self.call("podium", *command, "--json"))

    def leftovers(self) -> list[str]:
        """Half-written files and unfinished checkpoints below the state folder and beside the data."""
        found = list(self.root.glob(".data.*"))
        found += [*self.state.rglob(".*.new-*"), *self.state.rglob(".*.old-*")]
        found += list((self.state / "work").glob("*")) if (self.state / "work").is_dir() else []
        return sorted(str(p.relative_to(self.root)) for p in found)


TINY = """
parameters:
  config:
    name: tiny
    trainer: {epochs: 2, augment: {flip: false, rotation: 5}}
    candidates: [simple_cnn, cnn_3block]
    registry: {model: tiny, onnx: false}
"""
"""Two candidates, two epochs: a whole run in seconds."""

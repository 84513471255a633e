"""Runs and commands that begin at once: forks of a process that has imported the libraries.

Imports are most of a command, and of a run that finds all in the cache. No run has begun in that process: ZenML's
configuration and store are read by each fork, as by each process of ``podium run``.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from podium.orchestration.environment import isolated_environment
from podium.settings import Settings
from tests.conftest import ROOT
from tests.product.workspace import BIN, Workspace


@dataclass(frozen=True)
class Started:
    """A fork in a process group of its own; ``stdout`` has both its streams, as those of ``Workspace.start``."""

    pid: int
    stdout: TextIO
    _told: TextIO

    def wait(self) -> int:
        """The exit status, negative for a signal."""
        with self._told:
            return int(self._told.readline())


class Forks:
    """A process that has imported the libraries, and makes forks of itself, also several at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._asked: IO[str] | None = process.stdin
        self._folder, self._count = folder, 0

    def pipe(self) -> Path:
        self._count += 1
        made = self._folder / f"pipe-{self._count}"
        os.mkfifo(made)
        return made

    def start(self, root: Path, files: list[Path], environment: dict[str, str], *command: str) -> tuple[int, TextIO]:
        """Its id, and what will tell the exit status. ``files``: what it reads, what it prints, and its errors."""
        assert self._asked is not None
        pipe, (program, *arguments) = self.pipe(), command
        request = {"program": program, "arguments": arguments, "environment": environment, "root": str(root)}
        self._asked.write(json.dumps(request | {"told": str(pipe), "files": [str(file) for file in files]}) + "\n")
        self._asked.flush()
        told = pipe.open()
        return int(told.readline()), told


@contextmanager
def forking() -> Iterator[Forks]:
    """One for the time of the block. It takes some 15 seconds to import all, which nobody has to wait for here."""
    variables = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", "CI") if key in os.environ}
    with tempfile.TemporaryDirectory(prefix="podium-forks-") as folder:
        variables |= {"HOME": folder, "COLUMNS": "150", "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [BIN / "python", "-m", "tests.product.forking"], cwd=folder, env=variables, stdin=subprocess.PIPE, text=True
        )
        try:
            yield Forks(process, Path(folder))
        finally:
            process.communicate()


class Warm:
    """A workspace whose runs and commands are forks. ``variables`` are as if exported by its user."""

    def __init__(self, workspace: Workspace, forks: Forks, **variables: str) -> None:
        self._root, self._forks = workspace.root, forks
        self._commands = workspace.environment(**variables)
        self._runs = self._commands | isolated_environment(Settings.from_environment(self._commands))
        self._runs |= {"ZENML_CUSTOM_SOURCE_ROOT": str(self._root), "ZENML_LOGGING_VERBOSITY": "INFO"}

    def start(self, *command: str) -> Started:
        """Start ``podium …``, or ``runner`` with a pipeline and a file: what ``podium run`` becomes, telling more."""
        stream = self._forks.pipe()
        environment = self._runs if command[0] == "runner" else self._commands
        pid, told = self._forks.start(self._root, [Path(os.devnull), stream, stream], environment, *command)
        return Started(pid, stream.open(), told)

    def call(self, *command: str, expect: int = 0, given: str = "") -> str:
        """Run ``podium …``, or ``zenml …`` as after ``eval "$(podium env)"``, as ``Workspace.call`` does.

        ``given`` is its standard input.
        """
        with tempfile.TemporaryDirectory() as name:
            files = [Path(name) / stream for stream in ("given", "stdout", "stderr")]
            files[0].write_text(given)
            environment = self._runs if command[0] == "zenml" else self._commands
            _, told = self._forks.start(self._root, files, environment, *command)
            with told:
                status = int(told.readline())
            stdout, stderr = (file.read_text() for file in files[1:])
        assert status == expect, f"{command}: exit {status}\n{stdout}\n{stderr}"
        return stdout if expect == 0 else stdout + stderr

    def json(self, *command: str) -> Any:
        """Run ``podium … --json`` and parse what it prints on standard output."""
        return json.loads(self.call("podium", *command, "--json"))

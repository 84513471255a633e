"""Runs that begin at once, for tests that start many and kill them: forks of a process that has imported the libraries.

Imports are most of a run that finds all in the cache. No run has begun in that process: ZenML's configuration and
store are read by each fork, as by each process of ``podium run``.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from podium.orchestration.environment import isolated_environment
from podium.settings import Settings
from tests.conftest import ROOT
from tests.product.workspace import BIN, Workspace

_IMPORTED: Final = (
    "podium.orchestration.runner",
    "podium.orchestration.branches",
    "podium.orchestration.filing",
    "podium.orchestration.gating",
    "podium.orchestration.materializers",
    "podium.orchestration.outcome",
    "podium.orchestration.page",
    "podium.orchestration.registration",
    "podium.orchestration.training",
    "mlflow.store.tracking.sqlalchemy_store",
    "zenml.zen_stores.sql_zen_store",
)
"""Not ``pipelines`` and ``steps``, whose import asks ZenML's store."""


@dataclass(frozen=True)
class Started:
    """A run in a process group of its own; ``stdout`` has both its streams, as those of ``Workspace.start``."""

    pid: int
    stdout: TextIO
    _told: TextIO

    def wait(self) -> int:
        """The exit status, negative for a signal."""
        return int(self._told.readline())


class Warm:
    """A context with a process that starts verbose runs of a workspace, one at a time."""

    def __init__(self, workspace: Workspace) -> None:
        settings = Settings.from_environment({"PODIUM_ROOT": str(workspace.root)})
        variables = isolated_environment(settings) | {
            "ZENML_CUSTOM_SOURCE_ROOT": str(workspace.root),
            "ZENML_LOGGING_VERBOSITY": "INFO",
            "PYTHONPATH": os.pathsep.join([str(workspace.root), str(ROOT)]),
        }
        self._pipe = workspace.root / "warm.fifo"
        self._process = subprocess.Popen(
            [BIN / "python", "-m", "tests.product.warm", self._pipe],
            cwd=workspace.root,
            env=workspace.environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        os.mkfifo(self._pipe)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._pipe.unlink()

    def start(self, *arguments: str) -> Started:
        """Start ``podium.orchestration.runner`` with its arguments, a pipeline and a file."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        asked.write("\t".join(arguments) + "\n")
        asked.flush()
        return Started(int(told.readline()), self._pipe.open(), told)


def main(pipe: Path) -> int:
    """Fork for each line on standard input; tell the fork's process id, and its exit status when it has ended."""
    for module in _IMPORTED:
        importlib.import_module(module)
    from zenml.client import Client
    from zenml.config.global_config import GlobalConfiguration
    from zenml.integrations.registry import integration_registry

    from podium.orchestration.runner import heed_sigterm, run

    integration_registry.activate_integrations()
    if Client.get_instance() or GlobalConfiguration.get_instance():
        raise RuntimeError("an import opened ZenML's store: forks would not read it for themselves")
    for line in sys.stdin:
        if (process := os.fork()) == 0:
            os.setsid()
            with pipe.open("w") as written, open(os.devnull) as nothing:
                for source, target in ((nothing, 0), (written, 1), (written, 2)):
                    os.dup2(source.fileno(), target)
            heed_sigterm()
            return run(*line.rstrip("\n").split("\t"))
        _tell(process)
        _tell(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    return 0


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

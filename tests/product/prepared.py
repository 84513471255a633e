"""What a workspace needs before its first run, made once a session: the data set, and databases without content.

Making them takes some ten seconds of imports and migrations. That a run makes them itself is seen where a test uses the
fixture ``untouched`` instead of ``workspace``: the quickstart, the README, two first runs at once, a full disk.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from podium.orchestration.environment import isolated_environment
from podium.settings import Settings
from tests.product.workspace import TINY, Workspace


@dataclass(frozen=True)
class Prepared:
    """A workspace to copy from."""

    origin: Workspace
    mlflow_database: Path

    def workspace(self, root: Path) -> Workspace:
        """A new workspace with the data set and ``configs/tiny.yaml``."""
        made = Workspace.create(root)
        shutil.copytree(self.origin.root / "data", made.root / "data")
        (made.root / "configs" / "tiny.yaml").write_text(TINY)
        return made

    def begin(self, state: Path) -> None:
        """Put the databases where a first run would make them. ZenML's configuration names its database's path."""
        shutil.copytree(self.origin.state, state)
        config = state / "zenml" / "config.yaml"
        config.write_text(config.read_text().replace(str(self.origin.state), str(state)))
        shutil.copyfile(self.mlflow_database, state / "mlflow.db")


def make_prepared(root: Path, mlflow_database: Path) -> Prepared:
    """Restore the data set, and have ZenML make its database."""
    origin = Workspace.create(root)
    origin.call("podium", "data", "restore")
    environment = isolated_environment(Settings.from_environment({"PODIUM_ROOT": str(root)}))
    origin.call("python", "-m", "podium.orchestration.prepare", **environment)
    assert (origin.state / "zenml" / ".ready").is_file()
    return Prepared(origin, mlflow_database)

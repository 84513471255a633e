"""Make ZenML's own database once, whoever starts first and whoever is killed meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from podium import atomic
from podium.errors import RegistryError
from podium.orchestration.environment import server_address
from podium.registry.zenml_server import require_answer
from podium.settings import Settings


def ready_mark(settings: Settings) -> Path:
    """The file that says that ZenML's database has been made completely."""
    return settings.state / "zenml" / ".ready"


def making_mark(settings: Settings) -> Path:
    """The file that says that the database is being made; it lies beside the folder, to outlive its removal."""
    return settings.state / "zenml.making"


def prepare(settings: Settings) -> None:
    """Create ZenML's configuration and database under the state folder.

    Two processes that create the database at once break it (seen with ZenML 0.98), and so does a kill amid the
    creation. So what a killed creation left is removed, which its mark tells. A folder without that mark was made by
    somebody else (``eval "$(podium env)"; zenml …``) and holds their history: it is used as it is.

    Raises:
        RegistryError: The folder names a ZenML server, which is out of reach or refuses the login.
    """
    if address := server_address(settings):
        _enter(address)
    lock = settings.state / "locks" / "zenml.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    ready, making = ready_mark(settings), making_mark(settings)
    folder = ready.parent
    with FileLock(lock):
        if ready.exists():
            making.unlink(missing_ok=True)
            return
        if making.exists() and not _has_runs(folder) and folder.exists():
            shutil.rmtree(folder)
        if not folder.is_dir() or not any(folder.iterdir()):
            atomic.write_text(making, "")
        create()
        atomic.write_text(ready, "")
        making.unlink(missing_ok=True)


def create() -> None:
    """Have ZenML make its configuration and database where the environment says, or open what is there."""
    from zenml.client import Client

    Client().active_stack_model  # noqa: B018 - asking for it makes the database


def _enter(address: str) -> None:
    """Open a ZenML server's store. Raises RegistryError."""
    from zenml.exceptions import AuthorizationException

    leave = "or leave it for this checkout's own database: zenml logout"
    require_answer(address, remedy=f'start it; {leave} (after eval "$(podium env)")')
    try:
        create()
    except AuthorizationException as error:
        raise RegistryError(
            f"{address}: the ZenML server refuses this checkout's login ({error})",
            remedy=f'log in again: eval "$(podium env)"; zenml login {address} --api-key; {leave}',
        ) from None


def _has_runs(folder: Path) -> bool:
    """Whether a database below the folder records a run: then ``zenml`` itself finished what a kill had cut off."""
    for file in folder.rglob("*.db"):
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
                if database.execute("SELECT 1 FROM pipeline_run LIMIT 1").fetchone():
                    return True
        except sqlite3.DatabaseError:
            continue  # no such table yet, or half a file: what a killed creation leaves
    return False


def main() -> int:
    """Prepare as a program. Returns the exit status."""
    try:
        prepare(Settings.from_environment())
    except Exception as error:  # noqa: BLE001 - told in a few lines
        from podium.orchestration.runner import tell

        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())

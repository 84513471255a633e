"""Make ZenML's own database once, whoever starts first and whoever is killed meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock

from podium import atomic
from podium.settings import Settings


def ready_mark(settings: Settings) -> Path:
    """The file that says that ZenML's database has been made completely."""
    return settings.state / "zenml" / ".ready"


def prepare(settings: Settings) -> None:
    """Create ZenML's configuration and database under the state folder; what a killed creation left is removed.

    Two processes that create the database at once break it (seen with ZenML 0.98), and so does a kill amid the
    creation; no run can have used it before the mark is written.
    """
    lock = settings.state / "locks" / "zenml.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    mark = ready_mark(settings)
    with FileLock(lock):
        if mark.exists():
            return
        shutil.rmtree(mark.parent, ignore_errors=True)
        from zenml.client import Client

        Client().active_stack_model  # noqa: B018 - asking for it makes the database
        atomic.write_text(mark, "")


if __name__ == "__main__":
    prepare(Settings.from_environment())

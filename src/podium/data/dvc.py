"""Keep the recorded data set in DVC's cache, so that ``dvc status`` is clean and ``dvc push`` has what to send."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from podium.data.restore import is_recorded
from podium.errors import DataError


def keep_in_cache(data: Path, record: Path) -> bool:
    """Commit a data set to DVC's cache if ``record`` names exactly this version.

    Args:
        data: Folder of the data set.
        record: Its ``.dvc`` file; DVC's repository is the folder that it lies in.

    Returns:
        Whether it was committed; False where DVC does not track this version.

    Raises:
        DataError: DVC refused.
    """
    root = record.parent
    if not (root / ".dvc").is_dir() or not is_recorded(data, record):
        return False
    command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", record.name]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(
            f"{record}: DVC could not store the data set in its cache: {(done.stderr or done.stdout).strip()}",
            remedy=f"the data set is in place; mend the cause and run `dvc commit {record.name}`",
        )
    return True

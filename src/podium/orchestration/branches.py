"""Parallel branches: wait for all, keep the survivors, name the cause of each failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.errors import TrainingFailed
from podium.orchestration.progress import Board
from podium.orchestration.training import cause_of


def gather(branches: Mapping[str, Any], progress: Board) -> tuple[dict[str, Any], dict[str, str]]:
    """Wait for every branch.

    Args:
        branches: ZenML step futures by candidate name.
        progress: Told how each candidate ended.

    Returns:
        The output artifacts of the completed branches, and the causes of the failed ones.

    Raises:
        TrainingFailed: No branch completed.
    """
    models: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name, future in branches.items():
        try:
            models[name] = future.result()
        except Exception as error:  # noqa: BLE001 - whatever a candidate died of, the others go on and it is reported
            failures[name] = cause_of(error)
        progress.done(name, f"failed: {failures[name]}" if name in failures else "done")
    if not models:
        causes = "\n".join(f"  {name}: {cause}" for name, cause in failures.items())
        raise TrainingFailed(
            f"all {len(failures)} candidates failed:\n{causes}", remedy="mend the first cause and run again"
        )
    return models, failures

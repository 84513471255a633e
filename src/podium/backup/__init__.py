"""Backup and restore of MLflow's tables, the decision log, their artifacts and ZenML's store."""

from podium.backup.restoring import restore
from podium.backup.taking import take

__all__ = ["restore", "take"]

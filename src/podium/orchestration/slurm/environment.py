"""The environment of a job's process."""

from __future__ import annotations

import os
import sys
from typing import Final

from zenml.config.global_config import GlobalConfiguration
from zenml.utils import source_utils

from podium.orchestration.slurm.settings import SlurmCluster

_FORWARDED: Final = (
    "PODIUM_", "MLFLOW_", "OMP_NUM_THREADS", "ZENML_DYNAMIC_PIPELINE_", "ZENML_PARAMETER_SIZE_THRESHOLD",
    "ZENML_LOGGING_COLORS_DISABLED",
)  # fmt: skip


def job_environment(cluster: SlurmCluster, folder: str, environment: dict[str, str]) -> dict[str, str]:
    """What a job's process gets, credentials included.

    A configuration folder of its own, since every ZenML process rewrites its own, and two at once spoil it.

    Args:
        cluster: Where the code lies there, and what else is forwarded.
        folder: Of the job.
        environment: ZenML's.
    """
    names = [name for name in os.environ if name.startswith(_FORWARDED) or name in cluster.forward]
    root = cluster.source_root or source_utils.get_source_root()
    paths = [root] if cluster.source_root else [root, *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    return {
        **{name: os.environ[name] for name in names},
        **environment,
        "ZENML_CONFIG_PATH": f"{folder}/zenml",
        "ZENML_REPOSITORY_PATH": f"{folder}/zenml",
        "ZENML_LOCAL_STORES_PATH": GlobalConfiguration().local_stores_path,
        "ZENML_CUSTOM_SOURCE_ROOT": root,
        "ZENML_ANALYTICS_OPT_IN": "false",
        "PYTHONPATH": ":".join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        "DISABLE_DATABASE_MIGRATION": "true",
    }


def on_the_nodes(cluster: SlurmCluster, command: list[str]) -> list[str]:
    """A command of ZenML's with the interpreter that the nodes have."""
    return [cluster.python or sys.executable, *command[1:]] if command[:1] == ["python"] else command

"""The environment of a job's process, and where the code, the state and Slurm's commands are there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from zenml.config.global_config import GlobalConfiguration
from zenml.utils import source_utils

from podium.code import checkout_digest
from podium.orchestration.slurm.settings import SlurmCluster
from podium.orchestration.slurm.surroundings import CODE
from podium.orchestration.slurm.transport import SlurmError, Transport
from podium.settings import Settings

_FORWARDED: Final = (
    "PODIUM_", "MLFLOW_", "OMP_NUM_THREADS", "ZENML_DYNAMIC_PIPELINE_", "ZENML_PARAMETER_SIZE_THRESHOLD",
    "ZENML_LOGGING_COLORS_DISABLED",
)  # fmt: skip
_HERE: Final = "PODIUM_SLURM"
"""Set in jobs: what drives a run there has Slurm's commands beside it, and needs no login node."""


def transport_to(cluster: SlurmCluster) -> Transport:
    """Where Slurm's commands are."""
    host = None if os.environ.get(_HERE) else cluster.host
    return Transport(host, tuple(cluster.ssh_options) if host else (), cluster.conf)


def job_environment(cluster: SlurmCluster, folder: str, environment: dict[str, str]) -> dict[str, str]:
    """What a job's process gets, credentials included.

    A configuration folder of its own, since every ZenML process rewrites its own, and two at once spoil it.

    Args:
        cluster: Where the code lies there, and what else is forwarded.
        folder: Of the job.
        environment: ZenML's.

    Raises:
        SlurmError: The checkout lies elsewhere there, and MLflow or the decision log is a file of this machine.
    """
    names = [name for name in os.environ if name.startswith(_FORWARDED) or name in cluster.forward]
    root = cluster.source_root or source_utils.get_source_root()
    paths = [root] if cluster.source_root else [root, *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    elsewhere = root != source_utils.get_source_root()
    return {
        **{name: os.environ[name] for name in names},
        **(_moved(cluster, root) if elsewhere else {}),
        **environment,
        _HERE: "1",
        "ZENML_CONFIG_PATH": f"{folder}/zenml",
        "ZENML_REPOSITORY_PATH": f"{folder}/zenml",
        "ZENML_LOCAL_STORES_PATH": f"{folder}/stores" if elsewhere else GlobalConfiguration().local_stores_path,
        "ZENML_CUSTOM_SOURCE_ROOT": root,
        "ZENML_ANALYTICS_OPT_IN": "false",
        "PYTHONPATH": ":".join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        "DISABLE_DATABASE_MIGRATION": "true",
    }


def _moved(cluster: SlurmCluster, root: str) -> dict[str, str]:
    """Podium's places on a cluster whose file system this machine does not see. Raises SlurmError."""
    settings = Settings.from_environment()
    for name, address in (("PODIUM_TRACKING_URI", settings.tracking_uri), ("PODIUM_REVIEWS_URI", settings.reviews_uri)):
        if address is not None and (address.startswith(("sqlite:", "file:")) or "://" not in address):
            raise SlurmError(
                f"{name}: {address} is a file of this machine, and jobs run in {root}, elsewhere",
                remedy="let it name the team's server, or remove source_root if the cluster sees this checkout",
            )
    return {
        "PODIUM_ROOT": root,
        "PODIUM_STATE": cluster.state or f"{root}/.podium",
        **({} if "PODIUM_WEIGHTS" in cluster.forward else {"PODIUM_WEIGHTS": ""}),
        "PODIUM_TRACKING_URI": settings.tracking_uri,
        CODE: checkout_digest(Path(source_utils.get_source_root())),
    }


def on_the_nodes(cluster: SlurmCluster, command: list[str]) -> list[str]:
    """A command of ZenML's with the interpreter that the nodes have."""
    return [cluster.python or sys.executable, *command[1:]] if command[:1] == ["python"] else command

"""What a job finds on its node has to be what its run was started with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.utils import source_utils

from podium.code import checkout_digest
from podium.errors import PodiumError

CODE: Final = "PODIUM_CODE"
"""Set in jobs whose checkout is another one: the digest of the code with which the run was started."""


def require_surroundings() -> None:
    """See, in a job, that code and artifact store are those of the run.

    Raises:
        PodiumError: The checkout here is another one; or a store that is a folder is not here, where ZenML would make
            an empty one, of which nobody knows.
    """
    where, root = os.uname().nodename, source_utils.get_source_root()
    if os.environ.get(CODE) not in (None, checkout_digest(Path(root))):
        raise PodiumError(
            f"the code in {root} on {where} is not that of the checkout in which the run was started",
            remedy="bring both checkouts to the same commit, and run the same command again",
        )
    [store, *_] = Client().active_stack_model.components[StackComponentType.ARTIFACT_STORE]
    path = store.configuration.get("path")
    if store.flavor_name == "local" and path and not Path(path).is_dir():
        raise PodiumError(
            f"the artifact store {path} is not on {where}",
            remedy="take one that the driver and the nodes see, such as a bucket, or a folder of a shared file system",
        )

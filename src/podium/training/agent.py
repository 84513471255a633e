"""``python -m podium.training.agent COUNT ORDER``: torchrun's agent, with the cause of death of a process as a message.

The agent finds a free port, starts the processes, and ends them all when one dies.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

from podium.training import worker
from podium.training.messages import Died, tell


def main(count: int, order: Path) -> int:
    """Run ``count`` processes on an order (a file) until all have ended. Returns the exit status."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,  # what a checkpoint continues is started again by whoever runs the training
        logs_specs=DefaultLogsSpecs(log_dir=str(order.parent)),
    )
    try:
        elastic_launch(config, sys.executable)("-m", worker.__name__, str(order))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        tell(Died(rank=rank, status=failure.exitcode))
        return 1
    except SignalException:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))

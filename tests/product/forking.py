"""The process behind :class:`tests.product.warm.Forks`: imports, and then forks as it is asked to."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

_IMPORTED: Final = (
    "podium.cli.review_view",
    "podium.desk.app",
    "podium.desk.serve",
    "podium.evaluation.saliency",
    "podium.orchestration.runner",
    "podium.orchestration.branches",
    "podium.orchestration.filing",
    "podium.orchestration.gating",
    "podium.orchestration.materializers",
    "podium.orchestration.outcome",
    "podium.orchestration.page",
    "podium.orchestration.registration",
    "podium.orchestration.training",
    "podium.registry.audit",
    "podium.registry.champion",
    "podium.registry.pyfunc",
    "podium.validation.context",
    "podium.validation.judge",
    "great_expectations.expectations.core",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.metrics",
    "torch._dynamo",
    "torch.onnx",
    "zenml.cli",
    "zenml.zen_stores.sql_zen_store",
)
"""Not ``pipelines`` and ``steps``, whose import asks ZenML's store."""


def main() -> int:
    """Fork for each request on standard input, a line of JSON; tell the fork's id, and its exit status at the end."""
    logging.disable()
    for module in _IMPORTED:
        importlib.import_module(module)
    from zenml.client import Client
    from zenml.config.global_config import GlobalConfiguration
    from zenml.integrations.registry import integration_registry

    from podium.code import code_digest

    integration_registry.activate_integrations()
    code_digest("podium.orchestration.gating", "podium.report", "podium.validation")  # remembers what imports what
    logging.disable(logging.NOTSET)
    if Client.get_instance() or GlobalConfiguration.get_instance():
        raise RuntimeError("an import opened ZenML's store: forks would not read it for themselves")
    if (running := threading.active_count()) > 1:
        raise RuntimeError(f"imports started {running - 1} threads, which forks would not have")
    gc.collect()
    gc.freeze()  # forks neither look through what was imported nor copy it
    for line in sys.stdin:
        if os.fork() == 0:
            os._exit(_keep(json.loads(line)))
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    return 0


def _keep(request: Mapping[str, Any]) -> int:
    """Fork, and wait for the fork."""
    if (process := os.fork()) == 0:
        _become(request)
    with open(request["told"], "w") as told:
        told.write(f"{process}\n")
        told.flush()
        told.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
    return 0


def _become(request: Mapping[str, Any]) -> None:
    """Be a program of its own, and end; what a module frees at an interpreter's end is not freed."""
    os.setsid()
    for number, (file, mode) in enumerate(zip(request["files"], "rww", strict=True)):
        with open(file, mode) as stream:
            os.dup2(stream.fileno(), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the process ends before it
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["root"])
    try:
        status = _run(request["program"], request["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told as an interpreter does
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _run(program: str, arguments: list[str]) -> int:
    sys.argv = [program, *arguments]
    if program == "runner":
        from zenml.utils import source_utils

        from podium.orchestration.runner import heed_sigterm, run

        sys.path.insert(0, os.getcwd())
        source_utils.set_custom_source_root(os.getcwd())
        heed_sigterm()
        return run(*arguments)
    if program == "podium":
        from podium.cli import main as podium

        podium()
    else:
        from zenml.cli.cli import cli

        cli()
    return 0


if __name__ == "__main__":
    sys.exit(main())

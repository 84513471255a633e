"""All checks, and how they are run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from podium.doctor import checkout, machine
from podium.doctor.finding import Check, Finding, error
from podium.errors import PodiumError, of_os_error
from podium.settings import Settings


def stack(settings: Settings) -> Finding:
    """ZenML's, asked in a process with this checkout's ZenML."""
    from podium.cli.environment import zenml_environment

    command = [sys.executable, "-m", "podium.orchestration.doctor"]
    done = subprocess.run(
        command, env=zenml_environment(settings), cwd=settings.root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["no cause told"])[-1]
        return error(f"ZenML cannot be asked: {cause}", "run `podium run`, or look at ZENML_STORE_URL")
    return Finding.model_validate_json(done.stdout)


def _registry(settings: Settings) -> Finding:
    from podium.registry.doctor import registry

    return registry(settings)


def _decisions(settings: Settings) -> Finding:
    from podium.registry.doctor import decisions

    return decisions(settings)


CHECKS: Final[Mapping[str, Check]] = {
    "packages": machine.packages,
    "device": machine.device,
    "kernels": machine.kernels,
    "disk": machine.disk,
    "clock": machine.clock,
    "configuration": checkout.configuration,
    "git": checkout.git,
    "data": checkout.data,
    "weights": checkout.weights,
    "decisions": _decisions,
    "registry": _registry,
    "stack": stack,
}
"""By name, in the order in which they are told."""


def examine(settings: Settings) -> Iterator[tuple[str, Finding]]:
    """Run every check, each whatever the others find."""
    for name, check in CHECKS.items():
        try:
            yield name, check(settings)
        except PodiumError as found:
            yield name, error(found.message, found.remedy)
        except OSError as found:
            told = of_os_error(found)
            yield name, error(told.message, told.remedy)

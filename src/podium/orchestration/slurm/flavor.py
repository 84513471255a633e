"""The flavor ``slurm``, as ZenML registers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zenml.step_operators import BaseStepOperatorFlavor

from podium.orchestration.slurm.settings import SlurmStepOperatorConfig

if TYPE_CHECKING:
    from podium.orchestration.slurm.operator import SlurmStepOperator


class SlurmStepOperatorFlavor(BaseStepOperatorFlavor):
    """Register it with ``podium stack up slurm``, or ``zenml step-operator flavor register`` and this class's path."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "slurm"

    @property
    def config_class(self) -> type[SlurmStepOperatorConfig]:
        """The component's configuration."""
        return SlurmStepOperatorConfig

    @property
    def implementation_class(self) -> type[SlurmStepOperator]:
        """The component."""
        from podium.orchestration.slurm.operator import SlurmStepOperator

        return SlurmStepOperator

"""The flavors ``slurm``, as ZenML registers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zenml.orchestrators import BaseOrchestratorFlavor
from zenml.step_operators import BaseStepOperatorFlavor

from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmStepOperatorConfig

if TYPE_CHECKING:
    from podium.orchestration.slurm.orchestrator import SlurmOrchestrator
    from podium.orchestration.slurm.step_operator import SlurmStepOperator


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
        from podium.orchestration.slurm.step_operator import SlurmStepOperator

        return SlurmStepOperator


class SlurmOrchestratorFlavor(BaseOrchestratorFlavor):
    """Likewise, for the driver."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "slurm"

    @property
    def config_class(self) -> type[SlurmOrchestratorConfig]:
        """The component's configuration."""
        return SlurmOrchestratorConfig

    @property
    def implementation_class(self) -> type[SlurmOrchestrator]:
        """The component."""
        from podium.orchestration.slurm.orchestrator import SlurmOrchestrator

        return SlurmOrchestrator

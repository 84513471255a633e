"""Run the promotion pipeline in the ZenML environment that a review records, as a program of its own."""

from __future__ import annotations

import sys
from typing import Final

from zenml.integrations.integration import Integration
from zenml.integrations.registry import integration_registry
from zenml.utils import source_utils

from podium.errors import RegistryError, ReviewError
from podium.orchestration.runner import tell
from podium.registry.request import ZenmlReference
from podium.registry.zenml_connection import connect

PIPELINE: Final = "pipelines.promotion.promotion_pipeline"
REFUSED: Final = 3
"""The exit status that says that the decision must not be carried out."""
_UNUSED: Final = ("pytorch", "sklearn")
"""ZenML's integrations for types that no step of a promotion hands on; their imports take five seconds."""


def promote(reference: ZenmlReference, decision: int) -> None:
    """Run the pipeline to its end.

    Args:
        reference: The ZenML configuration of the run that registered the version.
        decision: The decision's event in the log.

    Raises:
        ReviewError: The decision must not be carried out.
        RegistryError: The configuration is gone, is of another store, or its orchestrator is elsewhere.
    """
    orchestrator = connect(reference).active_stack_model.components
    flavor = next(part[0].flavor_name for kind, part in orchestrator.items() if str(kind) == "orchestrator")
    if flavor != "local":
        raise RegistryError(f"the active stack's orchestrator is {flavor}: a promotion runs on this machine")
    known = integration_registry.integrations
    for name in known.keys() & set(_UNUSED):
        integration_registry.register_integration(name, Integration)  # whose activation does nothing
    source_utils.load(PIPELINE)(decision=decision)


def main(reference: str, decision: str) -> int:
    """Promote as a program. Returns the exit status."""
    try:
        promote(ZenmlReference.model_validate_json(reference), int(decision))
    except ReviewError as error:
        tell(error)
        return REFUSED
    except Exception as error:  # noqa: BLE001 - told in a few lines, kept in full
        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

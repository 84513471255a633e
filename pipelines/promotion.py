"""Carry out a recorded decision, so that ZenML's lineage shows what was promoted when."""

from zenml import pipeline

from podium.orchestration.driver import driving
from podium.settings import Settings
from steps.promote import mirror_stages, move_alias, record_applied, verify_decision

STEPS = (verify_decision, move_alias, mirror_stages, record_applied)


@pipeline(dynamic=True, name="promotion", depends_on=list(STEPS), enable_cache=False)
def promotion_pipeline(decision: int) -> None:
    """Verify the decision, move MLflow's alias, mirror the stages, record that this was done. May be repeated.

    Args:
        decision: The decision's event in the log. ``podium review approve`` records it, then runs this.

    Raises:
        ReviewError: The log, or what was reviewed, is not what it was; nothing is promoted.
        RegistryError: MLflow or ZenML does not answer; `podium review sync` goes on.
    """
    with driving(Settings.from_environment()):
        record_applied(mirror_stages(move_alias(verify_decision(decision))))

"""Run one trial of a sweep: train with tracking, end early what is hopeless, and record how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from podium.contract import InputContract
from podium.data import Dataset
from podium.failures import failure_of, may_work_next_time
from podium.models.places import weights_store
from podium.orchestration.stopping import stopping
from podium.orchestration.training import candidate_key, work_folder
from podium.progress import report_epoch, report_progress
from podium.registry import tracking
from podium.results import EpochRecord, TrainingSummary
from podium.settings import Settings
from podium.sweeps.pruning import Judge, Pruned
from podium.sweeps.results import TrialPlan, TrialResult
from podium.training import Tick, train
from podium.training.history import saved_history


def run_trial(
    plan: TrialPlan, dataset: Dataset, contract: InputContract, *, settings: Settings, run: str, code: str
) -> TrialResult:
    """Train one trial on ``train`` and score it on ``validation``; one that was killed goes on from its last epoch.

    A trial that fails by itself (chance level, NaN, a network that does not fit, memory of the device) is a result like
    others: it would fail again.

    Args:
        plan: The trial.
        dataset: ``test`` need not be opened.
        contract: From ``podium.models.contracts.contract_for``.
        settings: Where state and tracking server are.
        run: Name of the pipeline run.
        code: Version of the training code.

    Raises:
        TrainingStopped: It was asked to stop; the next run goes on at the very step.
        OSError, TrainingFailed: What may work next time, such as a full disk.
    """
    candidate, digest = plan.candidate, dataset.manifest.digest
    key = candidate_key(candidate, digest, code, settings)
    tags = {tracking.SWEEP_TAG: plan.sweep, tracking.TRIAL_TAG: str(plan.number)}
    tracked = tracking.start_candidate_run(settings, candidate, run=run, key=key, data_digest=digest, tags=tags)
    work, judge, history = work_folder(settings, key), Judge(plan), list[EpochRecord]()

    def on_epoch(record: EpochRecord) -> None:
        report_epoch(candidate.name, record)
        # After a resumption the judge has to hear of the epochs before it: the same trial ends at the same epoch.
        missed = saved_history(work)[:-1] if record.epoch > len(history) + 1 else ()
        for epoch in (*missed, record):
            hear(epoch)

    def hear(record: EpochRecord) -> None:
        tracked.log_epoch(record)
        history.append(record)
        if judge.see(_metric(plan, record)):
            raise Pruned

    def on_progress(tick: Tick) -> None:
        report_progress(candidate.name, tick)

    def result(**fields: object) -> TrialResult:
        shared = {"number": plan.number, "values": plan.values, "own": plan.own, "mlflow_run": tracked.run_id}
        return TrialResult.model_validate({**shared, **_so_far(plan, history), **fields})

    try:
        weights = weights_store(settings)
        bundle = train(
            candidate, dataset, contract, work=work, weights=weights,
            on_epoch=on_epoch, on_progress=on_progress, stop=stopping,
            tuning=settings.tuning, features=settings.features,
        )  # fmt: skip
        # One that was killed after its last checkpoint, before the judge heard of that epoch, gets no further epoch.
        for record in bundle.summary.history[len(history) :]:
            hear(record)
    except Pruned:
        cause = f"pruned after epoch {len(history)}"
        tracked.prune(cause)
        return result(status="pruned", cause=cause, value=judge.curve[-1])
    except Exception as error:
        failure = failure_of(error)
        tracked.fail(failure.cause)
        if may_work_next_time(error):
            raise
        return result(status="failed", cause=failure.cause, remedy=failure.remedy or None)
    summary = bundle.summary
    tracked.finish({"parameters": summary.parameters, "train_seconds": summary.train_seconds})
    return result(status="completed", value=_metric(plan, summary), parameters=summary.parameters)


def _so_far(plan: TrialPlan, history: Sequence[EpochRecord]) -> dict[str, object]:
    return {
        "curve": tuple(_metric(plan, record) for record in history),
        "epochs": len(history),
        "seconds": sum(record.seconds for record in history),
    }


def _metric(plan: TrialPlan, of: EpochRecord | TrainingSummary) -> float:
    value = of.validation_loss if plan.metric == "loss" else of.validation_accuracy
    assert value is not None  # only summaries of older versions lack it
    return value

"""Train one candidate: take the folder's lock, reuse what is finished, continue what is not."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from podium.bundle import Bundle
from podium.config import Candidate
from podium.config.image_size import check_image_size
from podium.contract import InputContract
from podium.data import Dataset
from podium.digest import digest_json
from podium.errors import TrainingFailed
from podium.models import EMBEDDED_WEIGHTS, WeightsStore, build
from podium.training.batch_norm import check_batches
from podium.training.checkpoint import load_finished, save_finished, writing
from podium.training.execution import Execution, Settled, fixed_execution
from podium.training.hardware import default_device
from podium.training.heap import kept_memory
from podium.training.identity import backbone_key, identity
from podium.training.inputs import check_dataset
from podium.training.job import Job, OnEpoch, OnProgress
from podium.training.kernels import fastest_kernels
from podium.training.launch import launch
from podium.training.messages import Order
from podium.training.session import Session
from podium.training.stopping import Request, Stop, heeding_signals, taken
from podium.training.threads import cpu_threads

log = logging.getLogger(__name__)


def train(
    candidate: Candidate,
    dataset: Dataset,
    contract: InputContract,
    *,
    work: Path,
    weights: WeightsStore = EMBEDDED_WEIGHTS,
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress | None = None,
    stop: Stop | None = None,
    tuning: Path | None = None,
    features: Path | None = None,
    start: Path | None = None,
) -> Bundle:
    """Train a candidate; continue where an interrupted attempt left off; reuse a finished result.

    Safe in several threads and processes at once: all randomness comes from the candidate's seed, and two trainings
    in the same ``work`` wait for each other. On the CPU, a resumed training gives the very bits of an uninterrupted
    one with the same number of threads.

    Args:
        candidate: Network, trainer, seed, threads.
        dataset: ``train`` is trained on, ``validation`` steers callbacks; ``test`` is not touched.
        contract: From ``podium.models.contracts.contract_for``.
        work: Folder of this candidate alone: lock, checkpoint (of every epoch, and of the step at which the training is
            asked to stop), ``finished/`` result. The caller deletes it with ``discard`` when the result is stored.
        weights: Where a transfer candidate finds its backbone.
        on_epoch: Called after each epoch, once its checkpoint is written; not again for epochs before a resumption.
        on_progress: Called every 50 steps of the training and at the end of each epoch.
        stop: Asked before each step, and while another training is waited for, whether to stop. In the main thread
            SIGTERM and Ctrl-C ask for it, too.
        tuning: Folder of measurements of what is faster on this machine, for recipes that leave it open; without it,
            each training measures for itself.
        features: Folder of what frozen backbones make of data sets, for recipes that keep it (``cached_views``);
            without it, each training computes its own.
        start: Folder of the bundle that ``candidate.start`` names; whoever calls has verified it.

    Returns:
        The trained candidate: the best epoch's weights with early stopping, the last epoch's without.

    Raises:
        DataError: The data set breaks the contract.
        ConfigError: The candidate's augmentation makes no sense for images of this size.
        WeightsError: Pretrained weights are missing or do not fit.
        TrainingFailed: The loss became NaN or exploded, gradients died, the network stayed at chance level, or
            ``work`` cannot be written.
        TrainingStopped: As it was asked to. The same call goes on at the very step.
    """
    if (start is None) != (candidate.start is None):
        raise ValueError("a candidate's start and its bundle belong together")
    device = default_device()
    base = identity(candidate, contract, dataset.manifest.digest, weights, device)
    with (
        heeding_signals(stop) as request,
        _alone(work, request, candidate.name),
        cpu_threads(candidate.threads),
        kept_memory(),
        fastest_kernels(device),
    ):
        execution = fixed_execution(candidate.trainer, device) or Settled.load(work, base)
        finished = load_finished(work, _key(base, execution)) if execution else None
        if finished is not None:
            log.info("%s: reusing the finished training in %s", candidate.name, work)
            return finished
        check_dataset(dataset, contract)
        check_image_size(candidate.trainer.augment, (contract.height, contract.width), "trainer")
        least = min(candidate.trainer.batch_size, len(dataset["train"]))
        check_batches(candidate.recipe.model, contract, least)
        if candidate.processes == 1:
            job = Job(candidate, contract, dataset, device, work, features=features, start=start)
            return fit(job, weights, base, tuning=tuning, stop=request, on_epoch=on_epoch, on_progress=on_progress)
        order = Order(
            candidate=candidate,
            contract=contract,
            data=dataset.path.absolute(),
            digest=dataset.manifest.digest,
            work=work.absolute(),
            weights=weights.folder.absolute() if weights.folder else None,
            fetched=weights.fetched.absolute() if weights.fetched else None,
            tuning=tuning.absolute() if tuning else None,
            features=features.absolute() if features else None,
            start=start.absolute() if start else None,
            identity=base,
        )
        launch(order, request, on_epoch, on_progress)
        execution = fixed_execution(candidate.trainer, device) or Settled.load(work, base)
        finished = load_finished(work, _key(base, execution)) if execution else None
        if finished is None:
            raise TrainingFailed(f"{work}: the result cannot be read", remedy="run again")
        return finished


def fit(
    job: Job,
    weights: WeightsStore,
    identity: str,
    *,
    tuning: Path | None,
    stop: Request,
    on_epoch: OnEpoch | None,
    on_progress: OnProgress | None,
) -> Bundle:
    """Train in this process, together with the others of ``job``; the first of them leaves the result in its folder.

    Args:
        job: What is trained; nobody else works in its folder.
        weights: See ``train``.
        identity: See ``podium.training.identity``.
        tuning: See ``train``.
        stop: Likewise.
        on_epoch: Likewise.
        on_progress: Likewise.
    """
    candidate, ranks = job.candidate, job.ranks
    execution = fixed_execution(candidate.trainer, job.device) or Settled.load(job.work, identity)
    net = build(candidate.recipe.model, job.contract, seed=candidate.seed, weights=weights)
    session = Session(job, net, backbone_key(candidate, job.contract, job.dataset.manifest.digest, weights, job.device))
    if ranks.asked(execution is None):
        if ranks.first:
            execution = session.tune(tuning, stop)
            if execution:
                with writing(job.work):
                    Settled(identity=identity, execution=execution).save(job.work)
        if ranks.asked(ranks.first and execution is None):
            raise stop.error(candidate.name, "while another training was measured")
        execution = execution or Settled.load(job.work, identity)
    assert execution is not None
    key = _key(identity, execution)
    bundle = session.run(execution, key, stop, on_epoch, on_progress)
    if ranks.first:
        save_finished(job.work, bundle, key)
    return bundle


def _key(base: str, execution: Execution) -> str:
    """The identity of a training that is run so."""
    return digest_json([base, execution.model_dump(mode="json")])


def discard(work: Path) -> None:
    """Delete the folder of a training whose result is stored elsewhere, once nobody trains or reads in it."""
    with _alone(work, Request(), ""):
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _alone(work: Path, stop: Request, name: str) -> Iterator[None]:
    """Hold the folder's lock, which a killed process leaves free; make the folder if it is not there.

    Raises TrainingStopped if ``stop`` asks for it while another holds the lock.
    """
    lock = FileLock(work / "lock")
    told = False

    def asked() -> bool:
        nonlocal told
        if not told:
            log.info("%s: another run is training here; waiting for its result", work)
        told = True
        return stop()

    while not lock.is_locked:
        with suppress(FileNotFoundError):  # whoever held the lock has stored the result and deleted the folder
            work.mkdir(parents=True, exist_ok=True)
            if not taken(lock, asked):
                raise stop.error(name, f"while it waited for another run in {work}")
    try:
        yield
    finally:
        lock.release()

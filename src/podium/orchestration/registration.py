"""Register a run's winner, mirror it in ZenML, and keep the run's page where people find it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from podium import atomic
from podium.bundle import Bundle
from podium.config import RunConfig
from podium.data import Dataset
from podium.data.content import seen_rows
from podium.digest import digest_json
from podium.drift.profile import profile_of
from podium.evaluation.evaluate import Evaluation
from podium.gate.result import Incumbent
from podium.orchestration.filing import Filed
from podium.orchestration.training import tracked_run
from podium.registry import tracking, versions
from podium.registry.champion import fetch_bundle
from podium.registry.evidence import Evidence
from podium.registry.provenance import code_state, data_revision, environment_lock
from podium.registry.register import register
from podium.registry.request import RegisteredVersion
from podium.registry.reviews import open_review
from podium.registry.state import Review
from podium.registry.zenml_mirror import mirror_version
from podium.registry.zenml_server import is_server
from podium.results import Leaderboard
from podium.settings import Settings
from podium.validation import ValidationReport

if TYPE_CHECKING:
    from zenml.client import Client

_EXAMPLES = 16
"""Validation images on which the registered model must predict what was evaluated."""


def register_winner(
    settings: Settings,
    config: RunConfig,
    dataset: Dataset,
    winner: Bundle,
    leaderboard: Leaderboard,
    validation: Sequence[Evaluation],
    test: Sequence[Evaluation],
    checks: ValidationReport,
    *,
    report: str,
    code: str,
    itself: Incumbent | None = None,
) -> RegisteredVersion:
    """Register the selected candidate with its evidence; repeating it finds the same version.

    Args:
        settings: Where the registry is.
        config: The run's configuration.
        dataset: The data; some of its validation images prove that the registered model predicts the same.
        winner: The selected candidate's model.
        leaderboard: Of the run.
        validation: Of all completed candidates.
        test: Of the winner, and of other seeds of its recipe.
        checks: The data validation's outcome.
        report: The run's page.
        code: Digest of the training's code, which finds the winner's MLflow run.
        itself: The champion, where the winner has its very weights: its version is returned, nothing is registered.

    Raises:
        RegistryError: The registered model predicts something else, or no store answers.
    """
    if itself is not None:
        return registered_champion(settings, config, itself)
    evidence = Evidence(
        leaderboard=leaderboard,
        evaluations=tuple(evaluation.metrics for evaluation in (*validation, *test)),
        validation=checks.model_dump(mode="json", exclude={"seconds", "part_seconds"}),
        report=report,
        config=config.model_dump(mode="json"),
        profile=profile_of(dataset).model_dump(mode="json"),
    )
    expected = next(e.probabilities for e in validation if e.metrics.candidate == winner.candidate.name)
    with tempfile.TemporaryDirectory() as name:
        _with_rows(settings, winner, dataset).save(Path(name))
        return register(
            settings,
            model=config.registry.model,
            run=leaderboard.run,
            mlflow_run=tracked_run(settings, winner, run=leaderboard.run, code=code),
            bundle=Path(name),
            evidence=evidence,
            config_digest=digest_json(config.model_dump(mode="json")),
            code=code_state(settings.root),
            dvc=data_revision(dataset.path),
            lock=environment_lock(),
            examples=dataset["validation"].images[:_EXAMPLES],
            expected=expected[:_EXAMPLES],
            onnx=config.registry.onnx,
        )


def _with_rows(settings: Settings, winner: Bundle, dataset: Dataset) -> Bundle:
    """The model with what it has seen, also before a warm start."""
    seen, trained = seen_rows(dataset), seen_rows(dataset, ("train",))
    if start := winner.candidate.start:
        former = Bundle.load(fetch_bundle(settings, start.model, start.version))
        if former.seen is None or former.trained is None:
            raise ValueError("a warm start from a version that does not tell what it has seen")
        seen, trained = np.union1d(seen, former.seen), np.union1d(trained, former.trained)
    return replace(winner, seen=seen, trained=trained)


def registered_champion(settings: Settings, config: RunConfig, incumbent: Incumbent) -> RegisteredVersion:
    """The champion's version, for a run whose winner has its very weights: there is nothing to register or decide.

    Raises:
        RegistryError: It is gone, or Podium did not register it.
    """
    if incumbent.version is None:
        raise ValueError("there is no champion")
    found = versions.get_version(tracking.client(settings), config.registry.model, incumbent.version)
    return versions.from_mlflow(found).model_copy(update={"standing": "champion"})


def ask_for_review(
    settings: Settings,
    client: Client,
    version: RegisteredVersion,
    filed: Filed | None,
    *,
    pipeline_run: str,
    artifacts: Sequence[str],
) -> Review:
    """Mirror the version in ZenML's model control plane and open its review; repeating it changes nothing.

    Args:
        settings: Where the log is.
        client: ZenML's.
        version: As it was registered.
        filed: Its dossier; None where nothing is to be decided, since the version is the champion itself.
        pipeline_run: ZenML's id.
        artifacts: ZenML's ids of what the version's lineage shows.
    """
    reference = mirror_version(client, version, pipeline_run=pipeline_run, artifacts=artifacts)
    return open_review(
        settings,
        version,
        author=_author(client, reference.store, pipeline_run),
        report=settings.runs / version.run / "report.html",
        zenml=reference,
        policy=filed.policy if filed else None,
        outcome=filed.outcome if filed else None,
        dossier=filed.digest if filed else None,
        against=filed.against if filed else None,
    )


def _author(client: Client, store: str, pipeline_run: str) -> str | None:
    """Who started the run, where a ZenML server knows; without one, None: whoever runs this process.

    On a cluster the process is one user's for all people, who could then approve their own runs.
    """
    if not is_server(store):
        return None
    user = client.get_pipeline_run(pipeline_run).user
    return user.name if user else None


def keep_page(settings: Settings, leaderboard: Leaderboard, version: int | None, report: str, checks_page: str) -> None:
    """Write leaderboard, report and validation page to the run's folder, and point ``latest`` at it."""
    folder = settings.runs / leaderboard.run
    board = leaderboard.model_copy(update={"version": version})
    with tracking.registry_lock(settings, "cache"):  # of this machine: a run that is repeated has the same folder
        atomic.remove_leftovers(folder)
        atomic.remove_leftovers(settings.runs)
        atomic.write_text(folder / "report.html", report)
        atomic.write_text(folder / "validation.html", checks_page)
        atomic.write_text(folder / "leaderboard.json", board.model_dump_json(indent=2) + "\n")
        atomic.write_text(settings.runs / "latest", leaderboard.run + "\n")

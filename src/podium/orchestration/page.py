"""Gather what the run's page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from podium.bundle import Bundle
from podium.config import RunConfig
from podium.data import Dataset
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.registry.provenance import code_state
from podium.report.inputs import Command, RunReport
from podium.report.render import render_report
from podium.results import Leaderboard
from podium.settings import Settings
from podium.validation import ValidationReport


def draw_page(
    settings: Settings,
    config: RunConfig,
    dataset: Dataset,
    leaderboard: Leaderboard,
    models: Sequence[Bundle],
    validation: Sequence[Evaluation],
    test: Sequence[Evaluation],
    checks: ValidationReport,
    examined: Sequence[Examination],
    *,
    unexamined: Mapping[str, str],
) -> str:
    """Render the page of a run; ``unexamined`` are causes by candidate.

    Returns:
        Self-contained HTML without scripts.
    """
    return render_report(
        RunReport(
            leaderboard=leaderboard,
            dataset=dataset,
            candidates={model.candidate.name: model.candidate for model in models},
            summaries={model.candidate.name: model.summary for model in models},
            validation={evaluation.metrics.candidate: evaluation for evaluation in validation},
            test={evaluation.metrics.candidate: evaluation for evaluation in test},
            examinations={one.findings.candidate: one for one in examined},
            unexamined=unexamined,
            checks=checks_summary(checks),
            warnings=len(checks.failed("warning")),
            lineage={
                "Run": leaderboard.run,
                "Code": str(code_state(settings.root)),
                "Data": f"{dataset.manifest.name}, digest {dataset.manifest.digest}",
                "Configuration": yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
            },
            commands=(
                Command("decide on the winner", "podium review list"),
                Command("see lineage and artifacts in ZenML", "podium dashboard"),
                Command("classify your own image with the champion", "podium predict IMAGE"),
            ),
            seed=config.seed,
        )
    )


def checks_summary(checks: ValidationReport) -> str:
    """The data validation in a few words."""
    passed = sum(result.success for result in checks.results)
    return f"{passed} of {len(checks.results)} checks of the data passed"

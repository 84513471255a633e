"""The dossier: what reviewers decide on."""

from typing import Annotated

from zenml.types import HTMLString

from podium.bundle import Bundle
from podium.config import RunConfig
from podium.data import open_dataset
from podium.dossier.facts import Dossier
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.gate.result import GateResult
from podium.orchestration.drifting import split_drift
from podium.orchestration.filing import Filed, backbone, draw_dossier, file_dossier
from podium.orchestration.rivals import rival_of
from podium.orchestration.step import step
from podium.registry.request import RegisteredVersion
from podium.results import DataReference
from podium.settings import Settings
from podium.validation import ValidationReport


@step(enable_cache=False)
def dossier(
    config: RunConfig,
    data: DataReference,
    version: RegisteredVersion,
    verdict: GateResult,
    winner: Bundle,
    test: list[Evaluation],
    champion: list[Evaluation],
    checks: ValidationReport,
    examined: list[Examination],
    unexamined: dict[str, str],
) -> tuple[Annotated[Dossier, "dossier"], Annotated[Filed, "filed"], Annotated[HTMLString, "dossier_page"]]:
    """Put it together and file it with the version; ``test`` begins with the winner's evaluation."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    rival = rival_of(settings, dataset, version.model, verdict)
    papers = draw_dossier(
        config, dataset, version, verdict, winner, test[0], next(iter(champion), None), checks,
        split_drift(dataset), rival, backbone(settings, winner), examined, unexamined,
    )  # fmt: skip
    filed = file_dossier(settings, version, verdict, papers)
    return papers.dossier, filed, HTMLString(papers.page)

"""Put the dossier of a run's winner together, and file it with its version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podium.bundle import Bundle
from podium.config import Frozen, RunConfig
from podium.config.promotion import PromotionPolicy
from podium.config.promotion_file import policy_digest
from podium.data import Dataset
from podium.dossier.card import model_card
from podium.dossier.compose import compose, data_cautions
from podium.dossier.facts import Bound, Caution, Subject
from podium.dossier.page import render
from podium.drift.results import DriftReport
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination
from podium.gate.result import GateResult
from podium.gate.verdict import Outcome
from podium.models import family_of, options_of
from podium.models.places import weights_store
from podium.models.weights import Provenance
from podium.orchestration.drifting import drift_cautions
from podium.orchestration.rivals import Rival
from podium.registry import dossiers, tracking
from podium.registry.dossiers import Papers
from podium.registry.request import RegisteredVersion
from podium.settings import Settings
from podium.validation import ValidationReport


class Filed(Frozen):
    """What a review is bound to."""

    digest: str
    """Of the dossier's files (``podium.registry.dossiers``)."""
    outcome: Outcome
    policy: PromotionPolicy
    against: int | None
    """The champion's version that the gate held it against."""


def draw_dossier(
    config: RunConfig,
    dataset: Dataset,
    version: RegisteredVersion,
    gate: GateResult,
    winner: Bundle,
    challenger: Evaluation,
    champion: Evaluation | None,
    checks: ValidationReport,
    drift: DriftReport | None,
    rival: Rival,
    weights: Provenance | None,
    examined: Sequence[Examination] = (),
    unexamined: Mapping[str, str] | None = None,
) -> Papers:
    """The dossier of a registered version, with its page and its model card.

    Args:
        config: The run's configuration.
        dataset: The run's data version.
        version: As it was registered.
        gate: The verdict.
        winner: The model.
        challenger: Its evaluation on the test split.
        champion: The champion's on the same images, if it could be shown them.
        checks: The data validation.
        drift: Of the test split (``podium.orchestration.drifting``).
        rival: What else is known of the champion.
        weights: Of the pretrained backbone that the winner started from, if it did.
        examined: Examinations on validation, the winner's among them.
        unexamined: Causes by candidate, where one failed.
    """
    examination = next((one for one in examined if one.findings.candidate == version.candidate), None)
    dossier = compose(
        subject=Subject(
            model=version.model,
            version=version.version,
            candidate=version.candidate,
            recipe=version.recipe,
            run=version.run,
        ),
        bound=_bound(version, gate),
        gate=gate,
        dataset=dataset,
        challenger=challenger,
        champion=champion,
        training=winner.summary,
        examination=examination.findings if examination else None,
        unexamined=(unexamined or {}).get(version.candidate),
        champion_examination=rival.findings,
        champion_unexamined=rival.unexamined,
        data_drift=rival.data,
        cautions=[
            *data_cautions([*checks.failed("critical"), *checks.failed("warning")]),
            *drift_cautions(drift, rival.data),
            *_lineage_cautions(version),
        ],
        lineage=_lineage(config, dataset, version, winner),
    )
    card = model_card(
        dossier,
        candidate=winner.candidate,
        contract=winner.contract,
        training=winner.summary,
        manifest=dataset.manifest,
        weights=weights,
    )
    return Papers(dossier, render(dossier, dataset, challenger, examination), card)


def backbone(settings: Settings, winner: Bundle) -> Provenance | None:
    """Of the pretrained weights that a candidate started from. Raises WeightsError if they are gone by now."""
    model = winner.candidate.recipe.model
    name = family_of(model).pretrained
    return weights_store(settings).provenance(name(options_of(model))) if name else None


def file_dossier(settings: Settings, version: RegisteredVersion, gate: GateResult, papers: Papers) -> Filed:
    """Keep a dossier with the version, and in the run's folder for those who look there."""
    with tracking.registry_lock(settings, "cache"):
        dossiers.write(settings.runs / version.run, papers)
    digest = dossiers.store(tracking.client(settings), version, papers)
    return Filed(digest=digest, outcome=papers.dossier.outcome, policy=gate.policy, against=gate.champion.version)


def _bound(version: RegisteredVersion, gate: GateResult) -> Bound:
    digests = version.digests
    return Bound(
        model=digests.model,
        weights=gate.weights,
        package=digests.package,
        data=digests.data,
        test=gate.test,
        code=digests.code,
        commit=version.code.commit,
        dirty=version.code.dirty,
        config=digests.config,
        policy=policy_digest(gate.policy),
        evidence=digests.evidence,
        lock=version.lock,
        champion=gate.champion.digest,
    )


def _lineage_cautions(version: RegisteredVersion) -> list[Caution]:
    missing = []
    if version.code.commit is None:
        missing.append("the code is of no git commit: it cannot be had again")
    elif version.code.dirty:
        missing.append("tracked files differed from the commit: the code cannot be had again from git alone")
    if version.dvc is None:
        missing.append("DVC does not track this data version")
    if version.lock is None:
        missing.append("no lock file names the packages")
    return [Caution(topic="lineage", text=text) for text in missing]


def _lineage(config: RunConfig, dataset: Dataset, version: RegisteredVersion, winner: Bundle) -> dict[str, str]:
    manifest, start = dataset.manifest, winner.candidate.start
    warm = {"Started from": f"version {start.version} of {start.model}, {start.digest}"} if start else {}
    return {
        "Run": version.run,
        "Configuration": config.name,
        "Code": str(version.code),
        "Data": f"{manifest.name}, {manifest.source}",
        "DVC": version.dvc or "not tracked",
        "MLflow run": version.mlflow_run,
        **warm,
    }

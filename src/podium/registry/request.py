"""What a reviewer is asked to decide on: a registered version, and the request that binds it."""

from __future__ import annotations

from typing import Literal

from podium.config import Frozen
from podium.config.promotion import PromotionPolicy
from podium.gate.verdict import Outcome
from podium.registry.provenance import CodeState
from podium.registry.votes import review_id
from podium.results import LeaderboardRow

Standing = Literal["unreviewed", "open", "champion", "retired", "rejected"]
"""Of a version: ``retired`` was approved once and is not the champion now."""


class Digests(Frozen):
    """SHA-256 digests that bind a decision to what was reviewed."""

    model: str
    """Of the bundle's files."""
    package: str
    """Of the whole MLflow model directory, with code and requirements."""
    data: str
    """The data version's content digest."""
    code: str
    """Of the sources that validate, train and evaluate, and of the locked packages: also where git knows no commit."""
    config: str
    """Of the run's configuration."""
    evidence: str
    """Of leaderboard, evaluations, validation report, the run's page and the data's profile; of versions that were
    registered before pages were bound, of the first three."""


class RegisteredVersion(Frozen):
    """A model version as the registry records it."""

    model: str
    version: int
    mlflow_run: str
    run: str
    """Name of the Podium run."""
    candidate: str
    recipe: str
    digests: Digests
    code: CodeState
    dvc: str | None = None
    """DVC's hash of the data set, if DVC tracks it."""
    lock: str | None = None
    """SHA-256 of the lock file of the packages, if there was one."""
    figures: LeaderboardRow
    standing: Standing = "unreviewed"
    """When it was registered, or found again."""
    created: bool = False
    """False if this very model stood in the registry already."""

    @property
    def review(self) -> str:
        """The id of its review."""
        return review_id(self.model, self.version)


class ZenmlReference(Frozen):
    """Where ZenML mirrors a version."""

    config_path: str
    """ZenML's configuration folder (``ZENML_CONFIG_PATH``)."""
    local_stores_path: str
    """``ZENML_LOCAL_STORES_PATH``."""
    store: str
    """Address of ZenML's store."""
    model_version: str
    """Id of the model version in the model control plane."""
    pipeline_run: str | None = None


class Request(Frozen):
    """What a reviewer is asked to decide on."""

    version: RegisteredVersion
    author: str
    """Who ran the pipeline; stays when the request is renewed."""
    report: str | None = None
    """Path of the report on the machine of the run."""
    zenml: ZenmlReference | None = None
    policy: PromotionPolicy | None = None
    """As it was when this was asked; null in logs of Podium 0.1, whose requests never expire."""
    policy_digest: str | None = None
    outcome: Outcome | None = None
    """The gate's; null if none judged."""
    dossier: str | None = None
    """SHA-256 of the dossier (``podium.registry.dossiers``)."""
    against: int | None = None
    """The champion's version that the dossier compares with; null where it knows of none."""

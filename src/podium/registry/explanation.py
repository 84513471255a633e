"""What ``podium explain`` tells of a model version; also its JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from podium.config import Frozen
from podium.registry.request import Standing
from podium.results import LeaderboardRow


class ChainedCode(Frozen):
    """The sources."""

    commit: str | None
    clean: bool
    """Whether tracked files were as in that commit."""
    in_checkout: bool
    """Whether this checkout has the commit."""
    digest: str
    """Of the sources that validate, train and evaluate, and of the locked packages."""


class ChainedData(Frozen):
    """The data version."""

    digest: str
    dvc: str | None
    """DVC's hash of the folder as the run found it."""
    name: str | None
    path: str
    dvc_at_commit: str | None
    """What the ``.dvc`` file says at the commit; null if that cannot be read here."""
    digest_at_commit: str | None


class ChainedConfig(Frozen):
    """The run's configuration."""

    name: str | None
    digest: str
    content: dict[str, Any] | None
    """With all defaults; null where only the digest is recorded."""


class Environment(Frozen):
    """The packages."""

    lock: str | None
    """SHA-256 of ``requirements.lock`` as the run found it."""
    lock_at_commit: str | None


class ChainedRun(Frozen):
    """The run, and the training of the candidate."""

    name: str
    candidate: str
    recipe: str
    mlflow_run: str
    status: str | None = None
    """MLflow's; null if its run cannot be read."""
    started: datetime | None = None
    zenml_run: str | None = None
    zenml_model_version: str | None = None
    report: str | None = None


class Verdict(Frozen):
    """The outcome of the data validation."""

    passed: bool
    expectations: int
    failed: tuple[str, ...]
    """Severity and finding of each expectation that did not hold."""


class LoggedDecision(Frozen):
    """One event of the decision log."""

    event: int
    kind: str
    """``opened``, ``renewed``, ``voted`` (an approval before the quorum's last), ``approved``, ``rejected`` or
    ``rolled_back`` (made champion again).
    """
    time: datetime
    actor: str
    reason: str | None
    self_approved: bool
    override: bool = False
    """Approved although the gate blocked it."""


class Explanation(Frozen):
    """The chain of one model version."""

    schema_version: Literal[1] = 1
    model: str
    version: int
    code: ChainedCode
    data: ChainedData
    config: ChainedConfig
    environment: Environment
    run: ChainedRun
    metrics: LeaderboardRow
    validation: Verdict | None
    author: str | None
    """Who ran the pipeline."""
    decisions: tuple[LoggedDecision, ...]
    standing: Standing
    """What the decision log says."""
    aliases: tuple[str, ...]
    """The registry's."""
    missing: tuple[str, ...]
    """Links that were not recorded or cannot be seen from here."""
    mismatches: tuple[str, ...]
    """Links that contradict each other."""

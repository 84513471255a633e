"""The links of a model version's chain, each compared with what can be seen from here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from podium.data.revisions import Record, git, read_record
from podium.digest import digest_json
from podium.errors import DataError
from podium.registry.evidence import CONFIG
from podium.registry.explanation import (
    ChainedCode,
    ChainedConfig,
    ChainedData,
    ChainedRun,
    Environment,
    LoggedDecision,
    Verdict,
)
from podium.registry.log import Event
from podium.registry.request import RegisteredVersion
from podium.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


_HASH: Final = re.compile("[0-9a-f]{40,64}")


class Findings:
    """What is found on the way along the chain."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.mismatches: list[str] = []

    def compare(self, what: str, recorded: str | None, found: str | None) -> None:
        """Note a mismatch if both are known and differ."""
        if recorded and found and recorded != found:
            self.mismatches.append(f"{what} {found[:12]}, the version records {recorded[:12]}")


def _commit(settings: Settings, version: RegisteredVersion) -> str | None:
    """The commit if this checkout has it. A tag of the registry's may be anything: git gets to see hashes alone."""
    commit = version.code.commit
    if commit is None or not _HASH.fullmatch(commit):
        return None
    return commit if git(settings.root, "cat-file", "-e", f"{commit}^{{commit}}") is not None else None


def code_link(settings: Settings, version: RegisteredVersion, findings: Findings) -> ChainedCode:
    """The commit, and whether it is here."""
    code = version.code
    known = _commit(settings, version) is not None
    if code.commit is None:
        findings.missing.append("git commit: the run was not made in a git checkout")
    elif not known:
        findings.missing.append(f"git commit {code.commit[:12]} is not in this checkout ({settings.root})")
    if code.dirty:
        findings.missing.append("the exact sources: tracked files had uncommitted changes; the code digest tells them")
    return ChainedCode(commit=code.commit, clean=not code.dirty, in_checkout=known, digest=version.digests.code)


def data_link(
    settings: Settings, version: RegisteredVersion, board: Mapping[str, Any], findings: Findings
) -> ChainedData:
    """Compare with what the .dvc file says at the commit."""
    path = str(board.get("path", "data"))
    file = settings.root / f"{path}.dvc"
    at_commit: Record | None = None
    if version.dvc is None:
        findings.missing.append(f"DVC revision: {path}.dvc did not record the data that the run was made with")
    commit = _commit(settings, version)
    if commit:
        try:
            at_commit = read_record(commit, file)
        except DataError as error:
            findings.missing.append(f"the data's record at the commit: {error.message}")
    if at_commit:
        where = f"{path}.dvc at commit {at_commit.commit[:12]} records"
        findings.compare(f"{where} DVC revision", version.dvc, at_commit.md5)
        findings.compare(f"{where} data", version.digests.data, at_commit.digest)
    return ChainedData(
        digest=version.digests.data,
        dvc=version.dvc,
        name=board.get("name"),
        path=path,
        dvc_at_commit=at_commit.md5 if at_commit else None,
        digest_at_commit=at_commit.digest if at_commit else None,
    )


def config_link(version: RegisteredVersion, documents: Mapping[str, Any], findings: Findings) -> ChainedConfig:
    """The configuration as it was kept, if it has its digest."""
    content = documents.get(CONFIG.removesuffix(".json"))
    if content is None:
        findings.missing.append("the configuration itself: only its digest is recorded")
    else:
        findings.compare("the kept configuration is", version.digests.config, digest_json(content))
    name = documents.get("leaderboard", {}).get("config")
    return ChainedConfig(name=name, digest=version.digests.config, content=content)


def environment_link(settings: Settings, version: RegisteredVersion, findings: Findings) -> Environment:
    """The lock file, compared with the one at the commit."""
    commit, content = _commit(settings, version), None
    entry = git(settings.root, "ls-tree", commit, "--", "requirements.lock") if commit else None
    if entry and entry.startswith(b"100"):  # a file; of a link, git has the target's name alone
        content = git(settings.root, "show", f"{commit}:./requirements.lock")
    at_commit = hashlib.sha256(content).hexdigest() if content is not None else None
    if version.lock is None:
        findings.missing.append("environment lock: no lock file's digest is recorded")
    findings.compare("requirements.lock at the commit is", version.lock, at_commit)
    return Environment(lock=version.lock, lock_at_commit=at_commit)


def run_link(client: MlflowClient, version: RegisteredVersion, findings: Findings) -> ChainedRun:
    """The run as MLflow has it now."""
    from mlflow.exceptions import MlflowException

    run = ChainedRun(
        name=version.run, candidate=version.candidate, recipe=version.recipe, mlflow_run=version.mlflow_run
    )
    try:
        found = client.get_run(version.mlflow_run)
    except MlflowException as error:
        findings.mismatches.append(f"MLflow run {version.mlflow_run} cannot be read ({error.message})")
        return run
    if found.info.lifecycle_stage != "active":
        findings.missing.append(f"MLflow run {version.mlflow_run} is deleted")
    findings.compare("the MLflow run is of data", version.digests.data, found.data.tags.get("podium.data_digest"))
    started = datetime.fromtimestamp(found.info.start_time / 1000, UTC)
    return run.model_copy(update={"status": found.info.status, "started": started})


def verdict_link(documents: Mapping[str, Any], version: RegisteredVersion, findings: Findings) -> Verdict | None:
    """The outcome of the data validation, from the evidence."""
    report = documents.get("validation")
    if not report:
        findings.missing.append("data validation: no outcome is recorded")
        return None
    findings.compare("the data validation is of data", version.digests.data, report.get("data_digest"))
    results = report.get("results", [])
    failed = [result for result in results if not result.get("success")]
    return Verdict(
        passed=bool(report.get("passed")),
        expectations=len(results),
        failed=tuple(f"{result.get('severity', '?')}: {result.get('message', '?')}" for result in failed),
    )


def decisions_link(events: Sequence[Event], model: str, version: int) -> tuple[LoggedDecision, ...]:
    """What the log says about one version, oldest first."""
    return tuple(
        LoggedDecision(
            event=event.seq,
            kind=event.kind,
            time=event.time,
            actor=event.actor,
            reason=event.payload.get("reason"),
            self_approved=event.payload.get("self_approved", False),
            override=event.payload.get("override", False),
        )
        for event in events
        if event.payload.get("model") == model
        and event.payload.get("version") == version
        and event.kind in ("opened", "renewed", "voted", "approved", "rejected", "rolled_back")
    )

"""``podium explain``: every link of the chain, and what is said where one is missing or was tampered with."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from podium.cli.explain import explain as command
from podium.digest import digest_json
from podium.errors import RegistryError
from podium.registry import promotion, reviews
from podium.registry.chain import explain
from podium.registry.explanation import Explanation
from podium.registry.provenance import CodeState
from podium.registry.request import RegisteredVersion, ZenmlReference
from tests.registry.support import AUTHOR, DATA, House, make_evidence

LOCK = "numpy==2\n"
MD5 = "a" * 32 + ".dir"
CONFIG = {"name": "quickstart", "seed": 1}
VALIDATION = {
    "passed": True,
    "data_digest": DATA,
    "results": [
        {"success": True, "severity": "critical", "message": "as expected"},
        {"success": False, "severity": "warning", "message": "class [bold]x[/] is rare"},
    ],
}


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def commit(house: House) -> str:
    """A checkout whose data.dvc records the data of the registry's tests."""
    root = house.settings.root
    note = f"meta:\n  podium:\n    digest: {DATA}\n"
    (root / "data.dvc").write_text(f"outs:\n- md5: {MD5}\n  hash: md5\n  path: data\n{note}")
    (root / "requirements.lock").write_text(LOCK)
    git(root, "init", "-q")
    git(root, "add", "data.dvc", "requirements.lock")
    git(root, "commit", "-qm", "start")
    return git(root, "rev-parse", "HEAD").strip()


def register(house: House, commit: str | None, **changes: object) -> RegisteredVersion:
    evidence = replace(make_evidence(), config=CONFIG, validation=VALIDATION)
    facts = {
        "evidence": evidence,
        "config_digest": digest_json(CONFIG),
        "code": CodeState(commit=commit, dirty=False),
        "dvc": MD5,
        "lock": hashlib.sha256(LOCK.encode()).hexdigest(),
    }
    return house.register(**(facts | changes))


def opened(house: House, version: RegisteredVersion) -> None:
    reference = ZenmlReference(
        config_path="c", local_stores_path="l", store="sqlite:///s", model_version="mv", pipeline_run="pr"
    )
    reviews.open_review(house.settings, version, author=AUTHOR, zenml=reference, report=Path("report.html"))


def ask(house: House, reference: str, **more: str) -> Explanation:
    return explain(house.settings, reference, client=house.client, **more)


@pytest.mark.slow
def test_the_whole_chain_is_told_and_fits(house: House, commit: str) -> None:
    version = register(house, commit)
    opened(house, version)
    waiting = ask(house, "challenger")
    assert (waiting.standing, waiting.aliases) == ("open", ("challenger",))
    assert waiting.missing == ("decision: the version awaits one",)
    promotion.approve(house.settings, "podium-1", reason="better [red]", actor="bob@lab", client=house.client)
    found = ask(house, "champion")
    assert (found.missing, found.mismatches) == ((), ())
    assert (found.standing, found.aliases) == ("champion", ("champion",))
    assert found.code.model_dump() == {
        "commit": commit, "clean": True, "in_checkout": True, "digest": version.digests.code,
    }  # fmt: skip
    assert found.data.model_dump() == {
        "digest": DATA, "dvc": MD5, "name": "thirds", "path": "data", "dvc_at_commit": MD5, "digest_at_commit": DATA,
    }  # fmt: skip
    assert (found.config.content, found.config.name) == (CONFIG, "quickstart")
    assert found.environment.lock == found.environment.lock_at_commit == hashlib.sha256(LOCK.encode()).hexdigest()
    assert found.run.mlflow_run == version.mlflow_run
    assert (found.run.zenml_run, found.run.zenml_model_version, found.run.status) == ("pr", "mv", "FINISHED")
    assert found.metrics.test_accuracy == 0.9
    assert found.validation is not None
    assert found.validation.model_dump() == {
        "passed": True, "expectations": 2, "failed": ("warning: class [bold]x[/] is rare",),
    }  # fmt: skip
    assert [(event.kind, event.actor, event.reason) for event in found.decisions] == [
        ("opened", AUTHOR, None), ("approved", "bob@lab", "better [red]"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_version_is_named_in_many_ways_and_what_is_not_there_is_said(house: House, commit: str) -> None:
    with pytest.raises(RegistryError, match="no model has been registered yet"):
        ask(house, "1")
    opened(house, register(house, commit))
    for reference in ("podium/1", "podium-1", "1", "challenger", "podium/challenger"):
        assert ask(house, reference).version == 1
    for reference, message, status in (
        ("podium/7", "no version 7", 2), ("podium/best", "no alias or version 'best'", 2), ("99", "no version 99", 2),
        ("nonsense", "no model version", 2), ("/1", "no model version", 2), ("other/1", "no version 1 of other", 2),
        ("champion", "no champion", 1),
    ):  # fmt: skip
        with pytest.raises(RegistryError, match=message) as refused:
            ask(house, reference)
        assert refused.value.exit_code == status, reference


@pytest.mark.slow
def test_what_is_missing_is_said(house: House) -> None:
    """No git, no DVC, no lock, no configuration, no review: as little as a version can have."""
    house.register(code=CodeState(commit=None, dirty=True))
    found = ask(house, "podium/1")
    told = " | ".join(found.missing)
    for part in ("git commit", "uncommitted changes", "DVC revision", "configuration itself", "environment lock",
                 "review: none", "ZenML run"):  # fmt: skip
        assert part in told, part
    assert found.mismatches == ()
    assert found.config.content is None
    for seed, commit in ((1, "f" * 40), (2, "--output=here")):
        house.register(seed, code=CodeState(commit=commit, dirty=False))
        told = ask(house, f"podium/{seed + 1}").missing
        assert any(f"{commit[:12]} is not in this checkout" in text for text in told)


@pytest.mark.slow
def test_the_data_of_another_commit_does_not_fit(house: House, commit: str) -> None:
    root = house.settings.root
    (root / "data.dvc").write_text(
        f"outs:\n- md5: {'b' * 32}.dir\n  path: data\nmeta:\n  podium:\n    digest: {'e' * 64}\n"
    )
    (root / "requirements.lock").write_text("numpy==3\n")
    git(root, "commit", "-qam", "another")
    opened(house, register(house, git(root, "rev-parse", "HEAD").strip()))
    told = " | ".join(ask(house, "1").mismatches)
    assert "records DVC revision bbbbbbbbbbbb, the version records aaaaaaaaaaaa" in told
    assert "records data eeeeeeeeeeee, the version records dddddddddddd" in told
    assert "requirements.lock at the commit is" in told
    git(root, "rm", "-q", "data.dvc")
    git(root, "commit", "-qm", "gone")
    register(house, git(root, "rev-parse", "HEAD").strip(), evidence=make_evidence(accuracy=0.5))
    assert any("data.dvc is not in that revision" in text for text in ask(house, "podium/2").missing)


@pytest.mark.slow
def test_tampering_is_told(house: House, commit: str) -> None:
    version = register(house, commit)
    opened(house, version)
    run = version.mlflow_run
    (evidence,) = (house.settings.artifacts / run / "artifacts").glob("registered/*/evidence")
    client = house.client

    def told(*, missing: bool = False) -> str:
        found = ask(house, "podium/1")
        return " | ".join(found.missing if missing else found.mismatches)

    assert told() == ""
    for name, content, text in (
        ("config.json", json.dumps(CONFIG | {"seed": 2}), "the kept configuration is"),
        ("validation.json", "{}", "changed since the review was opened: evidence"),
    ):
        kept = (evidence / name).read_text()
        (evidence / name).write_text(content)
        assert text in told()
        (evidence / name).write_text(kept)
    client.set_registered_model_alias("podium", "champion", "1")
    assert "unexplained champion" in told()
    client.delete_registered_model_alias("podium", "champion")
    client.set_model_version_tag("podium", "1", "podium.data_digest", "0" * 64)
    assert "changed since the review was opened: the digests in the version's tags" in told()
    client.set_model_version_tag("podium", "1", "podium.data_digest", DATA)
    client.set_model_version_tag("podium", "1", "podium.git_commit", "0" * 40)
    assert f"the registry's code is {'0' * 40}, the review is of {commit}" in told()
    client.set_model_version_tag("podium", "1", "podium.git_commit", commit)
    client.delete_run(run)
    assert f"MLflow run {run} is deleted" in told(missing=True)
    client.restore_run(run)
    assert told() == ""
    shutil.rmtree(house.settings.artifacts / run)
    assert "artifacts cannot be fetched" in told()
    assert "evidence" in told(missing=True)
    client.delete_model_version("podium", "1")
    assert "what follows is from the decision log" in told()


def test_the_command_prints_text_and_documented_json(
    house: House, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(house, register(house, commit))
    promotion.reject(house.settings, "podium-1", reason="too [green]slow[/]", actor="bob@lab", client=house.client)
    monkeypatch.setenv("PODIUM_ROOT", str(house.settings.root))
    monkeypatch.setenv("PODIUM_STATE", str(house.settings.state))
    app = typer.Typer()
    app.command()(command)
    printed = CliRunner().invoke(app, ["podium/1"], catch_exceptions=False).output
    for part in (commit, DATA, MD5, f"{commit}, tracked files clean", "kept with the version", AUTHOR,
                 "rejected by bob@lab", "too [green]slow[/]",
                 "class [bold]x[/] is rare",
                 "run pr, model version mv", "rejected, no alias", "fits together"):  # fmt: skip
        assert part in printed, part
    content = json.loads(CliRunner().invoke(app, ["podium/1", "--json"], catch_exceptions=False).output)
    documented = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text()
    section = documented[documented.index("## `podium explain") :]
    for key, value in content.items():
        assert f"`{key}`" in section, key
        for inner in value if isinstance(value, dict) and key not in ("metrics",) else ():
            assert inner in section, (key, inner)

"""``podium review`` as a person and as a script use it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from podium.cli.review import app
from podium.config.promotion_file import load_policy, policy_digest
from podium.errors import ReviewError
from podium.registry import dossiers, reviews
from tests.registry.dossiers import papers
from tests.registry.support import AUTHOR, House


@pytest.fixture
def cli(house: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PODIUM_STATE", str(house.settings.state))
    monkeypatch.setenv("PODIUM_ROOT", str(house.settings.root))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PODIUM_TRACKING_URI", raising=False)

    def run(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, ReviewError):
            raise result.exception
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    return run


@pytest.mark.slow
def test_the_way_of_a_candidate(house: House, cli: Any) -> None:
    house.open(0)
    listed = cli("list", "--json")
    assert listed["champions"] == {"podium": None}
    assert [review["id"] for review in listed["reviews"]] == ["podium-1"]
    assert "podium review show podium-1" in cli("list")

    shown = cli("show", "podium-1")
    assert 'podium review approve podium-1 --reason "' in shown
    assert "there is no champion to compare with" in shown

    outcome = cli("approve", "podium-1", "--reason", "best so far", "--as", AUTHOR, "--json")
    assert (outcome["champion"], outcome["previous"]) == (1, None)
    assert outcome["review"]["decision"]["self_approved"] is True
    assert cli("list", "--json")["reviews"] == []
    assert cli("list", "--json", "--all")["reviews"][0]["standing"] == "champion"

    house.open(1)
    shown = cli("show", "podium-2")
    assert "champion tiny (v1)" in shown
    assert "0.9100" in shown
    assert "0.9000" in shown
    assert "podium-2 approved by grace" in cli("approve", "podium-2", "--reason", "better", "--as", "grace")
    assert "(self-approved, named by " in cli("show", "podium-1")

    rolled = cli("rollback", "--reason", "cats", "--json")
    assert (rolled["champion"], rolled["previous"]) == (1, 2)
    house.open(2)
    rejected = cli("reject", "podium-3", "--reason", "worse", "--json")
    assert rejected["review"]["status"] == "rejected"
    assert "champion of podium: version 2 (before: version 1)" in cli("rollback", "--reason", "back", "--to", "2")
    found = {"events": 13, "models": ["podium"], "versions_verified": 3, "findings": [], "repaired": []}
    assert cli("audit", "--json") == found


@pytest.mark.slow
def test_the_list_fits_a_terminal_of_80_columns(house: House, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.open(0)
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli("list").splitlines()
    (row,) = [line for line in shown if line.startswith("podium-1")]
    for part in ("awaiting review", "tiny", "90.0", AUTHOR):
        assert part in row, shown
    assert "…" not in row


@pytest.mark.slow
def test_json_of_a_review_is_as_documented(house: House, cli: Any) -> None:
    house.open(0)
    shown = cli("show", "podium-1", "--json")
    assert list(shown) == [
        "id", "model", "version", "status", "standing", "opened", "renewed", "expires", "expired", "author", "run",
        "candidate", "recipe", "figures", "digests", "code", "dvc", "report", "mlflow_run", "zenml_model_version",
        "outcome", "dossier", "policy", "rules", "event", "votes", "decision", "champion",
    ]  # fmt: skip
    assert set(shown["digests"]) == {"model", "package", "data", "code", "config", "evidence"}
    assert shown["figures"]["test_accuracy"] == 0.9
    decided = cli("approve", "podium-1", "--reason", "x", "--json")["review"]["decision"]
    assert set(decided) == {
        "verdict",
        "actor",
        "time",
        "reason",
        "self_approved",
        "override",
        "event",
        "via",
        "process",
    }
    assert set(shown["rules"]) == {"reviewers", "quorum", "self_approval", "expires_days", "overrides"}


@pytest.mark.slow
def test_expired_requests_are_out_of_the_way(house: House, cli: Any) -> None:
    file = house.settings.root / "configs" / "promotion.yaml"
    file.parent.mkdir()
    short = "decision: {expires_days: 1.0e-9}\n"
    file.write_text(short)
    house.open(0)
    file.unlink()
    house.open(1)
    shown = cli("list")
    assert "podium-2" in shown
    assert "podium-1" not in shown
    assert "1 expired request: podium review list --all" in shown
    (row,) = [line for line in cli("list", "--all").splitlines() if line.startswith("podium-1")]
    assert "expired" in row
    assert "expired request:" not in cli("list", "--all")
    found = cli("list", "--json")
    assert ([review["id"] for review in found["reviews"]], found["expired"]) == (["podium-2"], ["podium-1"])
    everything = cli("list", "--all", "--json")
    assert [(review["id"], review["status"]) for review in everything["reviews"]] == [
        ("podium-2", "open"), ("podium-1", "expired"),
    ]  # fmt: skip
    assert "It has expired" in cli("show", "podium-1")
    file.write_text(short)
    assert cli("reject", "podium-1", "--reason", "too late", "--json")["review"]["status"] == "rejected"
    assert cli("list", "--json")["expired"] == []


@pytest.mark.slow
def test_votes_are_shown_until_the_quorum_is_reached(house: House, cli: Any) -> None:
    (house.settings.root / "configs").mkdir()
    (house.settings.root / "configs" / "promotion.yaml").write_text(
        "decision: {quorum: 2, reviewers: [grace, joan], overrides: [grace, joan]}"
    )
    version = house.register()
    policy = policy_digest(load_policy(house.settings.root))
    dossier = dossiers.store(house.client, version, papers(version, "blocked", policy=policy))
    reviews.open_review(house.settings, version, author=AUTHOR, outcome="blocked", dossier=dossier)
    assert "blocked 0/2" in cli("list")
    shown = cli("show", "podium-1")
    for words in ("2 of grace, joan", "blocked", dossier, "expires", "--override"):
        assert words in shown
    outcome = cli("approve", "podium-1", "--reason", "fixed [since]", "--as", "grace", "--override", "--json")
    assert (outcome["missing"], outcome["champion"], outcome["review"]["status"]) == (1, None, "open")
    assert outcome["review"]["votes"][0]["override"] is True
    assert "blocked 1/2" in cli("list")
    assert "approved by grace" in cli("show", "podium-1")
    said = cli("approve", "podium-1", "--reason", "yes", "--as", "joan", "--override")
    assert "podium-1 approved by grace, joan" in said
    assert "(override of the gate, named by " in said


@pytest.mark.slow
def test_an_approval_that_does_not_suffice_says_so(house: House, cli: Any) -> None:
    (house.settings.root / "configs").mkdir()
    (house.settings.root / "configs" / "promotion.yaml").write_text("decision: {quorum: 2}")
    house.open()
    said = cli("approve", "podium-1", "--reason", "yes", "--as", "joan")
    assert "podium-1 awaits 1 more approval of other people; nothing is promoted yet" in said
    assert "champion of podium: none" in said


@pytest.mark.slow
def test_an_unexplained_champion_is_shown_and_repaired(house: House, cli: Any) -> None:
    house.open(0)
    house.client.set_registered_model_alias("podium", "champion", "1")
    assert "unexplained champion" in cli("list")
    assert "unexplained champion" in cli("audit", code=1)
    assert cli("sync", "--json") == {"changes": ["podium: alias champion: version 1 → none"]}
    assert "nothing to do" in cli("sync")
    house.client.set_registered_model_alias("podium", "champion", "1")
    assert "repaired podium: alias champion: version 1 → none" in cli("audit", "--repair", "--as", "ops")
    assert cli("audit", "--json")["findings"] == []
    assert cli("list", "--json")["findings"] == []


@pytest.mark.slow
def test_refusals_reach_the_person(house: House, cli: Any) -> None:
    house.open(0)
    for review, message in (("podium-9", "no review podium-9"), ("podium", "no review id"), ("x-1", "no review x-1")):
        for command in (["show"], ["approve", "--reason", "x"], ["reject", "--reason", "x"]):
            with pytest.raises(ReviewError, match=message) as refused:
                cli(*command, review)
            assert refused.value.exit_code == 2
    with pytest.raises(ReviewError, match="needs a reason"):
        cli("approve", "podium-1", "--reason", " ")
    with pytest.raises(ReviewError, match="no champion to roll back"):
        cli("rollback", "--reason", "x")


@pytest.mark.slow
def test_markup_in_a_reason_is_text(house: House, cli: Any) -> None:
    house.open(0)
    assert "[bold]x[/bold] [/]" in cli("approve", "podium-1", "--reason", "[bold]x[/bold] [/]")


@pytest.mark.slow
def test_looking_brings_no_framework() -> None:
    names = ("cli.review_view", *(f"registry.{name}" for name in ("audit", "chain", "champion", "promotion", "sync")))
    code = f"import sys, {', '.join(f'podium.{name}' for name in names)}\n"
    code += "print([m for m in ('torch', 'zenml', 'mlflow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_before_anything_was_run(cli: Any, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = house.folder / "empty"
    monkeypatch.setenv("PODIUM_STATE", str(empty))
    assert cli("list", "--json") == {"champions": {}, "reviews": [], "expired": [], "findings": []}
    assert "no review awaits a decision" in cli("list")
    assert cli("audit", "--json")["findings"] == []
    assert not empty.exists(), "looking must not make a registry"

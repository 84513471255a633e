"""Who carries a promotion out: a pipeline where there is one, this process where not - told, and never twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.cli.promotion import PipelineCarrier
from podium.errors import ReviewError
from podium.registry import carrying, promotion
from podium.registry.log import EventLog
from podium.registry.request import ZenmlReference
from podium.registry.state import Review
from podium.registry.sync import sync
from tests.conftest import ROOT
from tests.review.made import Office


class Recording:
    def __init__(self, done: bool) -> None:
        self.done, self.calls = done, list[tuple[str, int]]()

    def __call__(self, review: Review, decision: int) -> bool:
        self.calls.append((review.id, decision))
        return self.done


def test_a_decision_that_is_carried_out_elsewhere_is_left_alone(office: Office) -> None:
    office.open()
    carrier = Recording(done=True)
    outcome = office.approve("grace", carrier=carrier)
    assert (carrier.calls, office.kinds(), office.champion()) == ([("podium-1", 2)], ["opened", "approved"], None)
    assert (outcome.champion, outcome.changes, office.state.pending) == (1, (), (2,))


def test_what_the_carrier_leaves_is_done_here(office: Office) -> None:
    office.open()
    outcome = office.approve("grace", carrier=Recording(done=False))
    assert (office.champion(), office.state.pending) == ("1", ())
    assert outcome.changes == ("podium: alias champion: none → version 1",)


def test_a_vote_needs_no_carrier(office: Office) -> None:
    office.policy(quorum=2)
    office.open()
    carrier = Recording(done=True)
    office.approve("grace", carrier=carrier)
    assert carrier.calls == []


def test_what_must_not_be_carried_out_is_not(office: Office) -> None:
    def refuse(review: Review, decision: int) -> bool:
        raise ReviewError("changed since")

    office.open()
    with pytest.raises(ReviewError, match="changed since"):
        office.approve("grace", carrier=refuse)
    assert (office.champion(), office.state.pending) == (None, (2,))


def test_the_steps_do_what_the_direct_path_does(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "verify_request", lambda *_: None)
    office.open()
    office.approve("grace", carrier=Recording(done=True))
    for _ in range(2):  # a pipeline that is run again
        promotion = carrying.verify_decision(office.settings, office.client, 2)  # type: ignore[arg-type]
        promotion = carrying.move_alias(office.settings, office.client, promotion)  # type: ignore[arg-type]
        carrying.record_applied(office.settings, promotion, run="promotion-1")
    assert office.kinds() == ["opened", "approved", "applied"]
    applied = office.log.events()[-1]
    assert applied.payload["changes"] == ["podium: alias champion: none → version 1"]
    assert (applied.payload["run"], applied.actor) == ("promotion-1", "grace")
    assert office.champion() == "1"
    assert sync(office.settings, client=office.client) == []  # type: ignore[arg-type]


def test_the_first_step_refuses_what_is_no_decision_and_what_the_policy_does_not_allow(office: Office) -> None:
    office.policy(quorum=2)
    office.open()
    with pytest.raises(ReviewError, match="event 1 of the decision log is no decision"):
        carrying.verify_decision(office.settings, office.client, 1)  # type: ignore[arg-type]
    office.log.append("approved", "eve", {"model": "podium", "version": 1, "reason": "mine"})
    with pytest.raises(ReviewError, match="rests on 1 of 2 approvals"):
        carrying.verify_decision(office.settings, office.client, 2)  # type: ignore[arg-type]


def test_without_a_pipeline_one_is_told(office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    carrier = PipelineCarrier(office.settings)
    assert carrier(office.open(1), 1) is False
    reference = ZenmlReference(config_path=str(tmp_path / "x"), local_stores_path="y", store="z", model_version="v")
    assert carrier(office.open(2, zenml=reference), 1) is False
    here = reference.model_copy(update={"config_path": str(tmp_path)})
    assert carrier(office.open(3, zenml=here), 1) is False
    told = capsys.readouterr().err
    for words in ("records no ZenML environment", f"{tmp_path / 'x'}, is not here", "has no pipelines/promotion.py"):
        assert f"promoting without a pipeline run: {words}" in told or words in told


def test_who_asks_is_told_instead_of_the_terminal(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    assert PipelineCarrier(office.settings, said.append)(office.open(), 1) is False
    assert said == ["promoting without a pipeline run: the review records no ZenML environment"]
    assert capsys.readouterr().err == ""


def test_a_decision_is_recorded_at_once_and_finished_later(office: Office) -> None:
    office.open()
    taken: list[promotion.Recorded] = []
    outcome = office.approve("grace", later=taken.append)
    assert (outcome.event, outcome.champion, outcome.changes) == (2, 1, ())
    assert (office.kinds(), office.champion()) == (["opened", "approved"], None)
    done = taken[0].finish()
    assert done.changes == ("podium: alias champion: none → version 1",)
    assert (office.kinds(), office.champion()) == (["opened", "approved", "applied"], "1")
    taken[0].finish()
    assert office.kinds() == ["opened", "approved", "applied"], "again is nothing new"


def test_what_is_finished_later_may_be_carried_out_elsewhere(office: Office) -> None:
    office.open()
    taken: list[promotion.Recorded] = []
    carrier = Recording(done=True)
    office.approve("grace", later=taken.append, carrier=carrier)
    assert carrier.calls == []
    taken[0].finish()
    assert (carrier.calls, office.state.pending) == ([("podium-1", 2)], (2,))


MAKE = """
import sys
from pathlib import Path
from tests.registry.support import AUTHOR, make_house
from podium.registry import reviews
from podium.registry.zenml_mirror import mirror_version
from zenml.client import Client
folder = Path(sys.argv[1])
house = make_house(folder, Path(sys.argv[2]))
for seed in range(2):
    version = house.register(seed)
    reviews.open_review(house.settings, version, author=AUTHOR, zenml=mirror_version(Client(), version))
"""

LOOK = """
import json, sys
from podium.registry.request import ZenmlReference
from podium.registry.zenml_connection import connect
client = connect(ZenmlReference.model_validate_json(sys.argv[1]))
(run, *_) = client.list_pipeline_runs(sort_by="desc:created").items
version = client.get_model_version("podium", "v1")
links = client.list_model_version_pipeline_run_links(model_version_id=version.id).items
print(json.dumps({
    "pipeline": run.pipeline.name, "status": str(run.status), "run": run.name, "stage": version.stage,
    "steps": list(run.steps), "linked": [link.pipeline_run.name for link in links],
}))
"""

CARRY = """
import sys
from podium.cli.promotion import PipelineCarrier
from podium.errors import ReviewError
from podium.registry.reviews import show
from podium.settings import Settings
settings = Settings.from_environment()
try:
    PipelineCarrier(settings)(show(settings, sys.argv[1]), int(sys.argv[2]))
except ReviewError as error:
    print(error.message)
"""


@pytest.mark.slow
def test_the_command_promotes_in_a_pipeline_run(tmp_path: Path, mlflow_database: Path) -> None:
    """Against a real ZenML store: the run is there, in the version's lineage, and in the log."""
    house, zen = tmp_path / "house", tmp_path / "zen"
    given = {key: value for key, value in os.environ.items() if not key.startswith(("ZENML", "PODIUM"))}
    given["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    given |= {"PODIUM_STATE": str(house / "state"), "PODIUM_ROOT": str(house), "ZENML_ANALYTICS_OPT_IN": "false"}
    theirs = {"ZENML_CONFIG_PATH": str(zen), "ZENML_LOCAL_STORES_PATH": str(zen / "stores")}

    def python(*arguments: str, expect: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**given, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    python("-c", MAKE, str(house), str(mlflow_database), **theirs, ZENML_REPOSITORY_PATH=str(zen))
    for name in ("pipelines", "steps"):
        (house / name).symlink_to(ROOT / name)
    command = ("-c", "from podium.cli import main; main()", "review")
    done = python(*command, "approve", "podium-1", "--reason", "good", "--json")
    outcome = json.loads(done.stdout)
    assert "without a pipeline run" not in done.stderr
    assert outcome["champion"] == 1
    assert outcome["changes"] == [
        "podium: alias champion: none → version 1",
        "podium: ZenML stage of v1: none → production",
    ]
    events = EventLog(house / "state" / "reviews.db").events()
    assert [event.kind for event in events] == ["opened", "opened", "approved", "applied"]
    reference = ZenmlReference.model_validate(events[0].payload["request"]["zenml"])
    seen = json.loads(python("-c", LOOK, reference.model_dump_json()).stdout.splitlines()[-1])
    assert (seen["pipeline"], seen["status"], seen["stage"]) == ("promotion", "completed", "production")
    assert seen["steps"] == ["verify_decision", "move_alias", "mirror_stages", "record_applied"]
    assert seen["run"] in seen["linked"]
    assert events[-1].payload["run"] == seen["run"]

    # What was changed after the decision is not promoted: the first step looks again.
    EventLog(house / "state" / "reviews.db").append(
        "approved", "grace", {"model": "podium", "version": 2, "reason": "good"}
    )
    run = events[1].payload["request"]["version"]["mlflow_run"]
    (file,) = (house / "state" / "mlartifacts" / run).rglob("model.py")
    file.write_text("import os")
    said = python("-c", CARRY, "podium-2", "5").stdout
    assert "decision 5 is recorded and was not carried out" in said
    assert "podium-2: changed since the review was opened: MLflow package" in said
    assert EventLog(house / "state" / "reviews.db").events()[-1].kind == "approved"

"""The mirror against a real ZenML store of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# In a process of its own: ZenML keeps its configuration in global state of the process.
SCRIPT = """
import os, subprocess, sys
from pathlib import Path
folder, template = Path(sys.argv[1]), Path(sys.argv[2])
from tests.registry.support import make_house
from podium.errors import RegistryError
from podium.registry import promotion, reviews
from podium.registry.audit import audit
from podium.registry.state import fold
from podium.registry.log import EventLog
from podium.registry.sync import sync
from podium.registry.zenml_mirror import LazyZenmlMirror, ZenmlMirror, mirror_version
from zenml import pipeline, step
from zenml.client import Client

@step
def train() -> str:
    return "weights"

@pipeline
def training() -> None:
    train()

training()
client = Client()
(run,) = client.list_pipeline_runs().items
artifact = run.steps["train"].outputs["output"][0]
house = make_house(folder / "house", template)

def open_(seed):
    version = house.register(seed)
    links = {"pipeline_run": run.id, "artifacts": [artifact.id]}
    reference = mirror_version(client, version, **links)
    assert mirror_version(client, version, **links) == reference, "not repeatable"
    return reviews.open_review(house.settings, version, zenml=reference)

def stages():
    return {v.name: v.stage for v in client.list_model_versions(model="podium").items}

first = open_(0)
entry = client.get_model_version("podium", "v1")
assert entry.run_metadata["mlflow_version"] == 1
assert entry.run_metadata["model_digest"] == first.request.version.digests.model
(run_link,) = client.list_model_version_pipeline_run_links(model_version_id=entry.id).items
(artifact_link,) = client.list_model_version_artifact_links(model_version_id=entry.id).items
assert (run_link.pipeline_run.id, artifact_link.artifact_version.id) == (run.id, artifact.id)
assert stages() == {"v1": "staging"}, stages()
mirror = LazyZenmlMirror(first.request.zenml)
decide = {"client": house.client, "mirror": mirror}
promotion.approve(house.settings, first.id, reason="good", **decide)
assert stages() == {"v1": "production"}, stages()
second, third = open_(1), open_(2)
assert stages() == {"v1": "production", "v2": "none", "v3": "staging"}, stages()
promotion.approve(house.settings, third.id, reason="better", **decide)
assert stages() == {"v1": "archived", "v2": "staging", "v3": "production"}, stages()
promotion.reject(house.settings, second.id, reason="worse", **decide)
assert stages() == {"v1": "archived", "v2": "archived", "v3": "production"}, stages()
promotion.rollback(house.settings, "podium", reason="cats", **decide)
assert stages() == {"v1": "production", "v2": "archived", "v3": "archived"}, stages()
client.update_model_version("podium", "v2", stage="production", force=True)
found = audit(house.settings, mirror=mirror, client=house.client).findings
assert found == ("podium: ZenML's stage of v1 is archived, the decision log says production",
                 "podium: ZenML's stage of v2 is production, the decision log says archived"), found
print(sync(house.settings, mirror=mirror, client=house.client))
assert audit(house.settings, mirror=mirror, client=house.client).findings == ()
assert stages() == {"v1": "production", "v2": "archived", "v3": "archived"}, stages()
assert sync(house.settings, mirror=mirror, client=house.client) == []

fourth, fifth = open_(3), open_(4)
sync(house.settings, mirror=mirror, client=house.client)
assert stages()["v4"] == "none", stages()
assert stages()["v5"] == "staging", stages()

# A registered version that ZenML has never seen is shown once it is decided.
sixth = reviews.open_review(house.settings, house.register(5))
promotion.approve(house.settings, sixth.id, reason="fine", **decide)
assert stages()["v6"] == "production", stages()

# Whatever the reviewer's shell says, the recorded configuration is used, and a `.zen` on the way is left alone.
recorded = first.request.zenml
foreign = folder / "foreign"
(folder / ".zen").mkdir()
(folder / ".zen" / "config.yaml").write_bytes(theirs := b"active_stack_id: null\\n")
foreign.mkdir()
exported = {
    "ZENML_CONFIG_PATH": str(foreign), "ZENML_LOCAL_STORES_PATH": str(foreign),
    "ZENML_STORE_URL": f"sqlite:///{foreign / 'zenml.db'}", "ZENML_ACTIVE_STACK_ID": "nonsense",
}
DECIDE = '''
import sys
from podium.errors import RegistryError
from podium.registry.request import ZenmlReference
from podium.registry.zenml_mirror import LazyZenmlMirror

try:
    print(LazyZenmlMirror(ZenmlReference.model_validate_json(sys.argv[1])).apply("podium", {4: "archived"}))
except RegistryError as error:
    print("REFUSED", error)
'''
def elsewhere(reference, **variables):
    command = [sys.executable, "-c", DECIDE, reference.model_dump_json()]
    base = {k: v for k, v in os.environ.items() if not k.startswith("ZENML_")}
    done = subprocess.run(command, cwd=folder, env={**base, **variables}, capture_output=True, text=True, check=True)
    return done.stdout
assert "none → archived" in elsewhere(recorded, **exported)
assert stages()["v4"] == "archived", stages()
assert list(foreign.iterdir()) == []
assert (folder / ".zen" / "config.yaml").read_bytes() == theirs

gone = recorded.model_copy(update={"config_path": str(folder / "gone")})
said = elsewhere(gone)
assert "REFUSED" in said and "gone" in said and "podium review sync" in said, said
# Another machine: the recorded folder is not there, but the reviewer's ZenML has the same store. Or it has not.
same = {"ZENML_CONFIG_PATH": recorded.config_path, "ZENML_LOCAL_STORES_PATH": recorded.local_stores_path}
assert "[]" in elsewhere(gone, **same)
said = elsewhere(gone, ZENML_CONFIG_PATH=str(foreign), ZENML_LOCAL_STORES_PATH=str(foreign))
assert "REFUSED" in said and recorded.store in said and "podium review sync" in said, said

other = recorded.model_copy(update={"store": "https://zenml.example.org"})
try:
    promotion.rollback(house.settings, "podium", reason="x", client=house.client, mirror=LazyZenmlMirror(other))
except RegistryError as error:
    assert "podium review sync" in error.remedy and other.store in error.message, error
else:
    raise AssertionError("no error although the store is another one")
assert house.aliases()["champion"] == 1
assert fold(EventLog(house.settings.reviews).events(), "podium").pending
sync(house.settings, mirror=mirror, client=house.client)
assert stages()["v1"] == "production", stages()
print("all good")
"""


def test_stages_metadata_and_lineage_follow_the_registry(tmp_path: Path, mlflow_database: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    environ = {
        **os.environ,
        "ZENML_CONFIG_PATH": str(tmp_path / "zen"),
        "ZENML_LOCAL_STORES_PATH": str(tmp_path / "zen" / "stores"),
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_LOGGING_VERBOSITY": "WARN",
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
    }
    script = tmp_path / "scenario.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(mlflow_database)],
        cwd=tmp_path, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all good" in done.stdout

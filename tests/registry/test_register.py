"""Registration: once, whole, verified, and again after a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import onnxruntime
import pytest

from podium.bundle import Bundle
from podium.digest import digest_directory
from podium.errors import RegistryError
from podium.registry import promotion, reviews
from podium.registry.champion import load_champion_bundle
from podium.registry.evidence import folder_digest
from podium.registry.integrity import verify_version
from podium.registry.package import ONNX_PATH
from podium.training import build_from_bundle, predict_probabilities
from tests.registry.support import CONTRACT, DATA, EXAMPLES, Crash, CrashingClient, House, make_bundle, make_evidence


@pytest.mark.slow
def test_the_version_says_what_it_is(house: House) -> None:
    made = house.register()
    assert (made.version, made.created, made.standing) == (1, True, "unreviewed")
    found = house.client.get_model_version("podium", "1")
    tags = found.tags
    assert tags["podium.data_digest"] == DATA
    assert tags["podium.git_commit"] == "f" * 40
    assert tags["podium.recipe"] == "tiny"
    assert tags["podium.model_digest"] == digest_directory(house.folder / "bundle-0")
    assert house.aliases() == {"challenger": 1}
    artifacts = house.settings.artifacts / made.mlflow_run / "artifacts"
    (evidence,) = artifacts.glob("registered/*/evidence")
    assert folder_digest(evidence) == made.digests.evidence == tags["podium.evidence_digest"]
    assert (evidence / "report.html").read_text() == "<html></html>"
    verify_version(house.settings, house.client, made)


@pytest.mark.slow
def test_mlflow_loads_the_same_predictions_without_pickle(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.register()
    package = house.package(1)
    assert not list(package.rglob("*.pkl"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", house.settings.tracking_uri)
    model = mlflow.pyfunc.load_model("models:/podium@challenger")
    answer = model.predict(EXAMPLES)
    bundle, version = load_champion_bundle(house.settings, "podium", "challenger", client=house.client)
    expected = predict_probabilities(build_from_bundle(bundle), EXAMPLES, bundle.contract)
    assert version == 1
    np.testing.assert_array_equal(np.stack(answer["probabilities"].to_list()), expected)
    assert list(answer["class"]) == [CONTRACT.class_names[i] for i in expected.argmax(1)]
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 16, 16, 3)
    assert model.metadata.signature.inputs.inputs[0].type == np.uint8
    requirements = (package / "requirements.txt").read_text().split()
    assert all("==" in line for line in requirements)
    assert any(line.startswith("torch==") for line in requirements)
    with pytest.raises(mlflow.MlflowException):
        model.predict(EXAMPLES.astype(np.float32) / 255)


@pytest.mark.slow
def test_the_same_again_is_the_same_version(house: House) -> None:
    first = house.register()
    second = house.register(evidence=make_evidence(run="run-2"))
    assert (second.version, second.created) == (first.version, False)
    assert second.digests == first.digests
    assert house.versions() == [1]


@pytest.mark.slow
def test_another_model_or_other_evidence_is_another_version(house: House) -> None:
    assert house.register(0).version == 1
    assert house.register(1).version == 2
    assert house.register(1, evidence=make_evidence(accuracy=0.5)).version == 3
    assert house.aliases() == {"challenger": 3}
    for version in (1, 2, 3):
        load_champion_bundle(house.settings, "podium", version, client=house.client)


@pytest.mark.slow
def test_a_model_that_is_champion_is_not_opened_again(house: House) -> None:
    review = house.open()
    promotion.approve(house.settings, review.id, reason="good", client=house.client)
    again = house.register(evidence=make_evidence(accuracy=0.91))
    assert (again.version, again.standing, again.created) == (1, "champion", False)
    assert house.aliases() == {"champion": 1}
    assert reviews.open_review(house.settings, again).decision is not None


@pytest.mark.slow
def test_a_rejected_model_does_not_become_challenger_again(house: House) -> None:
    review = house.open()
    promotion.reject(house.settings, review.id, reason="no", client=house.client)
    assert house.register().standing == "rejected"
    assert house.aliases() == {}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4, 5])
def test_a_crash_at_any_write_is_continued(house: House, write: int, *, after: bool) -> None:
    """Writes: evidence, model, registered model, version, alias."""
    arguments = house.arguments()
    with pytest.raises(Crash):
        house.register(**arguments | {"client": CrashingClient(house.client, write, after=after)})
    for version in house.versions():  # no half version, ever
        load_champion_bundle(house.settings, "podium", version, client=house.client)
    made = house.register()
    assert house.versions() == [made.version] == [1]
    assert house.aliases() == {"challenger": 1}
    verify_version(house.settings, house.client, made)


@pytest.mark.slow
def test_no_version_of_a_model_that_predicts_something_else(house: House) -> None:
    """The evaluated probabilities are those of another network."""
    other = Bundle.load(make_bundle(house.folder / "other", seed=5))
    expected = predict_probabilities(build_from_bundle(other), EXAMPLES, CONTRACT)
    with pytest.raises(RegistryError, match="does not predict what the trained one did"):
        house.register(expected=expected)
    assert house.client.search_registered_models() == []


@pytest.mark.slow
def test_no_version_if_artifacts_do_not_arrive(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = house.client.log_artifacts

    def lossy(run_id: str, local_dir: str, artifact_path: str) -> None:
        weights = list(Path(local_dir).rglob("*.safetensors"))
        for file in weights:
            file.write_bytes(file.read_bytes()[:-1])
        upload(run_id, local_dir, artifact_path)

    monkeypatch.setattr(house.client, "log_artifacts", lossy)
    with pytest.raises(RegistryError, match="not what was uploaded"):
        house.register()
    assert house.client.search_registered_models() == []


def test_a_leaderboard_without_winner_is_refused(house: House) -> None:
    evidence = make_evidence()
    lost = evidence.leaderboard.model_copy(update={"selected": "other"})
    with pytest.raises(RegistryError, match="selects 'other'"):
        house.register(evidence=type(evidence)(lost, (), {}, None))


def test_evidence_digest_ignores_the_occasion_only() -> None:
    base = make_evidence()
    assert make_evidence(run="run-9").digest == base.digest
    assert make_evidence(accuracy=0.8).digest != base.digest
    assert type(base)(base.leaderboard, (), {"passed": False}).digest != base.digest


@pytest.mark.slow
def test_champion_is_explained_and_cache_is_verified(house: House) -> None:
    with pytest.raises(RegistryError, match="no champion") as error:
        load_champion_bundle(house.settings, "podium", client=house.client)
    assert "make run" in error.value.remedy
    review = house.open()
    with pytest.raises(RegistryError, match="no champion") as error:
        load_champion_bundle(house.settings, "podium", client=house.client)
    assert "podium review approve podium-1" in error.value.remedy
    promotion.approve(house.settings, review.id, reason="good", client=house.client)
    load_champion_bundle(house.settings, "podium", client=house.client)
    (cached,) = (house.settings.state / "cache" / "models").iterdir()
    (cached / "model.json").write_text(json.dumps({"poisoned": True}))
    bundle, _ = load_champion_bundle(house.settings, "podium", client=house.client)
    assert bundle.candidate.name == "tiny"
    shutil.rmtree(cached)
    weights = house.package(1) / "artifacts" / "bundle" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(RegistryError, match="not those that were registered"):
        load_champion_bundle(house.settings, "podium", client=house.client)
    with pytest.raises(RegistryError, match="no alias or version 'nobody'") as refused:
        load_champion_bundle(house.settings, "podium", "nobody", client=house.client)
    assert refused.value.exit_code == 2
    with pytest.raises(RegistryError, match="no version 9") as refused:
        load_champion_bundle(house.settings, "podium", 9, client=house.client)
    assert refused.value.exit_code == 2


@pytest.mark.slow
def test_the_version_holds_the_network_as_onnx(house: House) -> None:
    house.register(onnx=True)
    found = house.client.get_model_version("podium", "1")
    assert found.tags["podium.onnx"] == ONNX_PATH
    session = onnxruntime.InferenceSession(house.package(1) / ONNX_PATH / "model.onnx")
    (given,) = session.get_inputs()
    bundle, _ = load_champion_bundle(house.settings, "podium", "challenger", client=house.client)
    for images in (EXAMPLES, EXAMPLES[:1], np.repeat(EXAMPLES, 5, axis=0)):
        (answer,) = session.run(None, {given.name: images})
        expected = predict_probabilities(build_from_bundle(bundle), images, bundle.contract)
        np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.slow
def test_a_network_that_cannot_be_exported_is_registered_without(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("podium.training.portable.write_onnx", lambda *_: "no graph")
    house.register(onnx=True)
    assert house.client.get_model_version("podium", "1").tags["podium.onnx"] == "no graph"
    assert not (house.package(1) / ONNX_PATH).exists()
    assert "tiny is registered without ONNX: no graph" in caplog.text

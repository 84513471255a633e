"""Pretrained weights: look-up order, digest, structure, provenance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from podium.config import Candidate, ModelConfig
from podium.contract import InputContract
from podium.data import Dataset
from podium.errors import DataError, WeightsError
from podium.models import WeightsStore, build
from podium.models import weights as weights_module
from podium.models.contracts import contract_for
from podium.models.recipes import load_recipe
from podium.orchestration.training import backbone_digest
from podium.settings import Settings
from podium.training.features import pooled_features, pretrained_backbone
from podium.training.inputs import check_dataset

from .helpers import NAME, RECIPES, contract, write_weights

MODEL = ModelConfig(family="transfer", options={"depth": 8, "weights": "w"})


def test_the_backbone_gets_the_tensors_of_the_file(tmp_path: Path) -> None:
    stored = write_weights(tmp_path, "w", depth=8)
    state = build(MODEL, contract(), seed=1, weights=WeightsStore(tmp_path)).state_dict()
    assert len(stored) > 20
    assert all(torch.equal(state[f"backbone.{key}"], value) for key, value in stored.items())


def test_the_users_folder_comes_before_the_embedded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, embedded = tmp_path / "own", tmp_path / "embedded"
    monkeypatch.setattr(weights_module, "EMBEDDED", embedded)
    write_weights(embedded, "w", depth=8, seed=1)
    assert WeightsStore(own).find("w").parent == embedded
    write_weights(own, "w", depth=8, seed=2)
    assert WeightsStore(own).find("w").parent == own
    assert WeightsStore().find("w").parent == embedded


def test_the_embedded_weights_are_those_of_their_provenance() -> None:
    pretrained = WeightsStore().load(NAME)
    recipe = pretrained.provenance.settings["recipe"]
    transfer = load_recipe("transfer_resnet20", RECIPES).model
    assert {key: transfer.options[key] for key in ("depth", "width")} == {
        key: recipe["model"]["options"][key] for key in ("depth", "width")
    }
    state = build(transfer, contract(), seed=0).state_dict()
    assert all(torch.equal(state[f"backbone.{key}"], value) for key, value in pretrained.state.items())
    assert WeightsStore().find(NAME).stat().st_size <= 2**20
    assert pretrained.provenance.figures["test_top1"] > 20 / 200, "a backbone that learned next to nothing"


def test_the_embedded_range_is_that_of_its_normalization() -> None:
    provenance = WeightsStore().provenance(NAME)
    low = min(-mean / std for mean, std in zip(provenance.mean, provenance.std, strict=True))
    high = max((1 - mean) / std for mean, std in zip(provenance.mean, provenance.std, strict=True))
    assert provenance.trained_range == pytest.approx((low, high))
    assert pretrained_backbone(NAME)[1].problem() is None


def test_weights_whose_origin_claims_another_range_are_refused(tmp_path: Path, small_dataset: Dataset) -> None:
    write_weights(tmp_path, NAME)
    file = tmp_path / f"{NAME}.json"
    raw = json.loads(file.read_text())
    candidate = Candidate(name="t", recipe=load_recipe("transfer_resnet20", RECIPES))

    def found(**changes: object) -> InputContract:
        file.write_text(json.dumps(raw | changes))
        return contract_for(candidate, small_dataset.manifest, WeightsStore(tmp_path))

    assert found().trained_range is None
    half = {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert found(**half, trained_range=[-1, 1]).problem() is None
    wrong = found(mean=[0.0] * 3, std=[1.0] * 3, trained_range=[-1, 1])
    assert wrong.trained_range == (-1, 1)
    with pytest.raises(DataError, match=r"trained on inputs from -1 to 1.* from 0 to 1"):
        check_dataset(small_dataset, wrong)
    net, broken = pretrained_backbone(NAME, WeightsStore(tmp_path))
    with pytest.raises(DataError, match="trained on inputs from -1 to 1"):
        pooled_features(net, small_dataset["test"].images, broken)


def test_missing_weights_name_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        WeightsStore(tmp_path).load("w")
    assert str(tmp_path) in caught.value.message
    for remedy in ("PODIUM_WEIGHTS", "pretrain", "remove the candidate"):
        assert remedy in caught.value.remedy


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, "w", depth=8)
    file = tmp_path / "w.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"not what w\.json records"):
        WeightsStore(tmp_path).load("w")


def test_weights_without_provenance_are_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, "w", depth=8)
    (tmp_path / "w.json").unlink()
    with pytest.raises(WeightsError, match="unknown origin"):
        WeightsStore(tmp_path).load("w")


def test_malformed_provenance_names_the_field(tmp_path: Path) -> None:
    write_weights(tmp_path, "w", depth=8)
    raw = json.loads((tmp_path / "w.json").read_text())
    (tmp_path / "w.json").write_text(json.dumps(raw | {"mean": [1, 2]}))
    with pytest.raises(WeightsError, match=r"w\.json: mean"):
        WeightsStore(tmp_path).load("w")


def test_a_pickle_under_that_name_is_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, "w", depth=8)
    torch.save({"x": torch.ones(1)}, tmp_path / "w.safetensors")
    raw = json.loads((tmp_path / "w.json").read_text())
    raw["sha256"] = weights_module.digest_file(tmp_path / "w.safetensors")
    (tmp_path / "w.json").write_text(json.dumps(raw))
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        WeightsStore(tmp_path).load("w")


@pytest.mark.parametrize(
    ("depth", "width", "words"), [(20, 16, "is missing"), (14, 16, "is missing"), (8, 8, "instead of")]
)
def test_weights_of_another_structure_are_refused(tmp_path: Path, depth: int, width: int, words: str) -> None:
    write_weights(tmp_path, "w", depth=depth, width=width)
    with pytest.raises(WeightsError, match=words):
        build(MODEL, contract(), seed=1, weights=WeightsStore(tmp_path))


def test_a_transfer_candidate_normalizes_as_its_backbone_does(tmp_path: Path, small_dataset: Dataset) -> None:
    write_weights(tmp_path, NAME)
    candidate = Candidate(name="t", recipe=load_recipe("transfer_resnet20", RECIPES))
    found = contract_for(candidate, small_dataset.manifest, WeightsStore(tmp_path))
    assert found.mean == (0.4, 0.41, 0.42)
    assert found.std == (0.2, 0.21, 0.22)
    assert found.class_names == ("left", "middle", "right")


def test_a_backbones_cache_key_covers_weights_and_normalization(tmp_path: Path) -> None:
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path), "PODIUM_WEIGHTS": str(tmp_path)})
    candidate = Candidate(name="t", recipe=load_recipe("transfer_resnet20", RECIPES))
    keys = []
    for seed in (1, 2):
        write_weights(tmp_path, NAME, seed=seed)
        keys.append(backbone_digest(candidate, settings))
    for change in ({"mean": [0.5, 0.5, 0.5]}, {"std": [0.1, 0.2, 0.3]}, {"trained_range": [-1.0, 1.0]}):
        raw = json.loads((tmp_path / f"{NAME}.json").read_text())
        (tmp_path / f"{NAME}.json").write_text(json.dumps(raw | change))
        keys.append(backbone_digest(candidate, settings))
    assert None not in keys
    assert len(set(keys)) == 5
    scratch = Candidate(name="s", recipe=load_recipe("resnet20", RECIPES))
    assert backbone_digest(scratch, settings) is None


def test_a_candidate_from_scratch_normalizes_by_the_data(small_dataset: Dataset) -> None:
    candidate = Candidate(name="t", recipe=load_recipe("resnet20", RECIPES))
    found = contract_for(candidate, small_dataset.manifest)
    assert (found.mean, found.std) == (small_dataset.manifest.mean, small_dataset.manifest.std)
    assert (found.height, found.width) == (32, 32)


def test_a_channel_without_variation_is_not_divided_by_zero(small_dataset: Dataset) -> None:
    manifest = small_dataset.manifest.model_copy(update={"std": (0.0, 0.2, 0.2)})
    candidate = Candidate(name="t", recipe=load_recipe("resnet20", RECIPES))
    assert contract_for(candidate, manifest).std == (1 / 255, 0.2, 0.2)


def test_prediction_resizes_as_the_import_did(small_dataset: Dataset) -> None:
    candidate = Candidate(name="t", recipe=load_recipe("resnet20", RECIPES))
    manifest = small_dataset.manifest.model_copy(update={"resize": "crop"})
    assert contract_for(candidate, small_dataset.manifest).resize == "crop"
    assert contract_for(candidate, manifest).resize == "crop"

"""From a trained network to pretrained weights that a transfer recipe can use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from podium.config import ModelConfig
from podium.data import Dataset
from podium.errors import WeightsError
from podium.models import WeightsStore, build
from podium.models.contracts import contract_for
from podium.models.export import export_backbone
from podium.training import train

from .helpers import candidate

ORIGIN = {"licence": "CC0-1.0", "command": "a test", "hardware": "any"}


@pytest.mark.slow
def test_an_exported_backbone_is_what_was_trained(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = candidate("resnet", epochs=6, learning_rate=0.01)
    contract = contract_for(chosen, small_dataset.manifest)
    bundle = train(chosen, small_dataset, contract, work=tmp_path / "w")
    provenance = export_backbone(bundle, small_dataset, tmp_path / "out", "thirds", **ORIGIN)
    store = WeightsStore(tmp_path / "out")
    model = ModelConfig(family="transfer", options={"depth": 8, "width": 4, "weights": "thirds"})
    state = build(model, contract, seed=0, weights=store).get_submodule("backbone").state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, bundle.state[f"backbone.{key}"].half().float()), key
    assert provenance == store.provenance("thirds")
    assert (provenance.mean, provenance.std, provenance.input_size) == (contract.mean, contract.std, (32, 32))
    assert provenance.trained_range == contract.normalized_range()
    assert provenance.source_data.startswith("thirds: 96 images of 3 classes, 32×32")
    assert provenance.figures["test_top1"] == pytest.approx(provenance.figures["test_top1_float32"], abs=0.05)
    assert provenance.figures["test_top1"] > 0.8
    assert 0 <= provenance.figures["validation_top1"] <= provenance.figures["validation_top5"] <= 1
    assert provenance.settings["recipe"]["model"]["family"] == "resnet"


def test_a_network_without_backbone_is_refused(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = candidate("simple", learning_rate=0.01)
    bundle = train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=tmp_path / "w")
    with pytest.raises(WeightsError, match="has no backbone"):
        export_backbone(bundle, small_dataset, tmp_path / "out", "x", **ORIGIN)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_figures_on_another_data_set_are_refused(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = candidate("simple", learning_rate=0.01)
    bundle = train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=tmp_path / "w")
    other = Dataset(
        small_dataset.path, small_dataset.manifest.model_copy(update={"digest": "other"}), small_dataset.splits
    )
    with pytest.raises(WeightsError, match="not the data set"):
        export_backbone(bundle, other, tmp_path / "out", "x", **ORIGIN)

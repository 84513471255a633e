"""Every recipe with a backbone trains all its phases on real images, for a few steps.

Its weights are random tensors in the right files: they prove the loading, and are not pretrained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from podium.config import Candidate
from podium.data import Dataset, open_dataset, write_dataset
from podium.data.images import decode_image
from podium.models import skeleton
from podium.models.contracts import contract_for
from podium.models.options import has_backbone
from podium.models.recipes import list_recipes, load_recipe
from podium.models.transfer import TransferNet
from podium.training import session, train
from podium.training.phases import enter, plan
from podium.training.predict import build_from_bundle, predict_probabilities

from ..models.helpers import RECIPES, by_time, write_weights_of

IDS = by_time(recipe for recipe in list_recipes(RECIPES) if has_backbone(recipe.model))
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture(scope="module")
def photographs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty-two of CIFAR-10's."""
    rows = next(pq.ParquetFile(shared_data / "cifar10-test.parquet").iter_batches(32)).to_pylist()
    images = np.stack([decode_image(row["img"]["bytes"], height=32, width=32) for row in rows])
    labels = np.array([row["label"] for row in rows])
    parts = {"train": slice(16), "validation": slice(16, 24), "test": slice(24, 32)}
    folder = tmp_path_factory.mktemp("photographs") / "data"
    splits = {name: (images[part], labels[part]) for name, part in parts.items()}
    write_dataset(folder, splits, name="few", class_names=CLASSES, source="CIFAR-10", licence="unknown")
    return open_dataset(folder)


def small(recipe_id: str) -> Candidate:
    """The recipe for two steps a phase."""
    recipe = load_recipe(recipe_id, RECIPES)
    fine_tune = recipe.trainer.fine_tune
    trainer = recipe.trainer.model_copy(
        update={
            "epochs": 1,
            "batch_size": 8,
            "fine_tune": fine_tune and fine_tune.model_copy(update={"epochs": 1}),
            "early_stopping": None,
        }
    )
    return Candidate(name=recipe_id, recipe=recipe.model_copy(update={"trainer": trainer}), seed=1)


@pytest.mark.shared
@pytest.mark.parametrize("recipe", IDS)
def test_all_phases_train(
    recipe: str, photographs: Dataset, tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "check_learned", lambda *_: None)  # in four steps nothing is learned
    chosen = small(recipe)
    weights = write_weights_of(tmp_path / "weights", chosen.recipe.model)
    contract = contract_for(chosen, photographs.manifest, weights)
    assert contract.mean == (0.4, 0.41, 0.42), "the backbone's own"
    bundle = train(chosen, photographs, contract, work=tmp_path / "work", weights=weights)

    net = skeleton(chosen.recipe.model, contract)
    assert isinstance(net, TransferNet)
    phases = plan(net, chosen.trainer)
    assert [record.phase for record in bundle.summary.history] == [phase.name for phase in phases]
    assert all(np.isfinite([r.train_loss, r.validation_loss]).all() for r in bundle.summary.history)
    name = chosen.recipe.model.options["weights"]
    before = {f"backbone.{key}": value for key, value in weights.load(name).state.items()}
    enter(net, phases[-1])
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    kept = {key for key, value in bundle.state.items() if key in before and torch.equal(value, before[key])}
    assert not kept & _weights(trained, bundle.state), "what was to be trained has changed"
    layers = [f"backbone.{layer}." for layer, _ in net.layers()[: net.frozen]]
    frozen = {key for key in before if key in bundle.state and f"{key.rpartition('.')[0]}." in layers}
    assert frozen <= kept, "frozen layers are as they were, BatchNorm's statistics included"

    images = photographs["validation"].images
    first = predict_probabilities(build_from_bundle(bundle), images, contract)
    assert first.shape == (8, 10)
    assert np.allclose(first.sum(1), 1, atol=1e-5)


def _weights(trained: set[str], state: dict[str, Tensor]) -> set[str]:
    """Matrices and filters: a bias before BatchNorm has no gradient."""
    return {name for name in trained if state[name].ndim > 1}

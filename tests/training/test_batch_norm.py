"""Reference T10 in three variants: another range, another order of the channels, statistics that drift.

The first two on real photographs and the embedded backbone: with random weights nothing would fit anything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from podium.config import ModelConfig
from podium.contract import InputContract
from podium.data import Dataset, open_dataset, write_dataset
from podium.data.images import decode_image
from podium.errors import TrainingFailed
from podium.models import EMBEDDED_WEIGHTS, WeightsStore, build
from podium.models.contracts import contract_for
from podium.models.transfer import TransferNet
from podium.training import batch_norm, train
from podium.training.batch_norm import LEAST, check_batches, check_inputs, check_statistics
from podium.training.inputs import Normalizer

from ..conftest import make_arrays
from ..models.helpers import NAME, contract
from .helpers import candidate
from .test_engine import fit

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> NDArray[np.uint8]:
    """256 of CIFAR-10's."""
    rows = next(pq.ParquetFile(shared_data / "cifar10-test.parquet").iter_batches(256)).column("img").to_pylist()
    return np.stack([decode_image(row["bytes"], height=32, width=32) for row in rows])


@pytest.fixture(scope="module")
def pretrained() -> tuple[TransferNet, InputContract]:
    """The embedded backbone under the normalization that it was trained with."""
    provenance = EMBEDDED_WEIGHTS.provenance(NAME)
    given = contract().model_copy(update={"mean": provenance.mean, "std": provenance.std})
    net = build(ModelConfig(family="transfer", options={"weights": NAME}), given, seed=1)
    assert isinstance(net, TransferNet)
    return net, given


@pytest.mark.shared
class TestInputs:
    @pytest.mark.slow
    def test_photographs_as_they_should_be_raise_no_doubt(
        self, pretrained: tuple[TransferNet, InputContract], photographs: NDArray[np.uint8]
    ) -> None:
        net, given = pretrained
        for part in (slice(None), slice(LEAST), slice(128, 256)):
            assert check_inputs(net, torch.from_numpy(photographs[part]), Normalizer.of(given, CPU)) is None

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("mean", "std"),
        [
            ((0.0,) * 3, (1.0,) * 3),
            ((0.5,) * 3, (0.5,) * 3),
            ((0.0,) * 3, (1 / 255,) * 3),
        ],
        ids=["[0, 1]", "[-1, 1]", "0...255"],
    )
    def test_a_backbone_of_another_range_is_flagged(
        self, photographs: NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        """Its first layers keep what they saw: the images in a range that the contract does not give them."""
        theirs = contract().model_copy(update={"mean": mean, "std": std})
        net = taught(photographs, Normalizer.of(theirs, CPU))
        assert check_inputs(net, torch.from_numpy(photographs), Normalizer.of(theirs, CPU)) is None
        wrong = contract().model_copy(update={"mean": (0.3,) * 3, "std": (0.1,) * 3})
        warning = check_inputs(net, torch.from_numpy(photographs), Normalizer.of(wrong, CPU))
        assert warning is not None
        assert "another range than the backbone was trained on" in warning

    @pytest.mark.slow
    def test_the_other_order_of_channels_is_flagged(
        self, pretrained: tuple[TransferNet, InputContract], photographs: NDArray[np.uint8]
    ) -> None:
        net, given = pretrained
        swapped = torch.from_numpy(photographs[..., ::-1].copy())
        warning = check_inputs(net, swapped, Normalizer.of(given, CPU))
        assert warning is not None
        assert "order BGR" in warning

    @pytest.mark.slow
    def test_nothing_is_changed(
        self, pretrained: tuple[TransferNet, InputContract], photographs: NDArray[np.uint8]
    ) -> None:
        net, given = pretrained
        before = {name: value.clone() for name, value in net.state_dict().items()}
        net.train()
        check_inputs(net, torch.from_numpy(photographs), Normalizer.of(given, CPU))
        assert net.training
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert not any(module._forward_pre_hooks for module in net.modules())

    def test_few_images_say_nothing(
        self, pretrained: tuple[TransferNet, InputContract], photographs: NDArray[np.uint8]
    ) -> None:
        net, given = pretrained
        swapped = torch.from_numpy(photographs[: LEAST - 1, :, :, ::-1].copy())
        assert check_inputs(net, swapped, Normalizer.of(given, CPU)) is None


def taught(images: NDArray[np.uint8], normalize: Normalizer) -> TransferNet:
    """The embedded backbone, whose BatchNorm has seen these images in place of its own."""
    net = build(ModelConfig(family="transfer", options={"weights": NAME}), contract(), seed=1)
    assert isinstance(net, TransferNet)
    net.unfreeze(1.0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
            module.reset_running_stats()
    net.train()
    with torch.no_grad():
        for _ in range(3):  # the second layer's inputs follow from the first one's statistics
            net(normalize(torch.from_numpy(images)))
    return net


class TestStatistics:
    def drifting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the reference did: the frozen backbone runs in training mode, and its statistics follow slowly."""

        def train(net: TransferNet, mode: bool = True) -> TransferNet:
            nn.Module.train(net, mode)
            for module in net.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.001
            return net

        monkeypatch.setattr(TransferNet, "train", train)

    @pytest.mark.slow
    def test_drift_is_named_in_the_first_epoch(
        self, tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.drifting(monkeypatch)
        splits = {name: make_arrays(n, seed=n) for name, n in (("train", 960), ("validation", 60), ("test", 60))}
        names = ("left", "middle", "right")
        write_dataset(tmp_path / "more", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
        with pytest.raises(TrainingFailed, match=r"at chance level.*BatchNorm's statistics drifted") as caught:
            fit(open_dataset(tmp_path / "more"), tmp_path / "w", "transfer", store, epochs=1, learning_rate=0.05)
        assert "those that it keeps" in caught.value.message
        assert sum("drifted" in record.getMessage() for record in caplog.records) == 1

    @pytest.mark.slow
    def test_a_sound_training_is_not_flagged(self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
        bundle = fit(small_dataset, tmp_path / "w", "transfer", store, epochs=12, learning_rate=0.05)
        assert bundle.summary.warnings == ()

    def test_the_remedy_fits_the_network(
        self, small_dataset: Dataset, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = contract(3)
        images, labels = (
            torch.from_numpy(np.array(v)) for v in (small_dataset["train"].images, small_dataset["train"].labels)
        )
        told = []
        for model in ("transfer", "blocks"):
            net = build(candidate(model).recipe.model, given, seed=1, weights=store)
            answers = iter([0.3, 0.9])
            monkeypatch.setattr(batch_norm, "_accuracy", lambda *_, answers=answers: next(answers))
            told.append(check_statistics(net, images, labels, Normalizer.of(given, CPU)) or "")
        assert "set fine_tune.freeze_norm to true, or use larger batches" in told[0]
        assert "fine_tune" not in told[1]
        assert "use larger batches or a lower learning rate" in told[1]

    def test_looking_changes_nothing(self, small_dataset: Dataset, store: WeightsStore) -> None:
        given = contract(3)
        net = build(candidate("transfer").recipe.model, given, seed=1, weights=store).train()
        before = {name: value.clone() for name, value in net.state_dict().items()}
        modes = [module.training for module in net.modules()]
        images, labels = (
            torch.from_numpy(np.array(v)) for v in (small_dataset["train"].images, small_dataset["train"].labels)
        )
        assert check_statistics(net, images, labels, Normalizer.of(given, CPU)) is None
        assert [module.training for module in net.modules()] == modes
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert {m.momentum for m in net.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


class TestBatches:
    def test_one_value_a_channel_is_refused_before_the_first_step(self, small_dataset: Dataset, tmp_path: Path) -> None:
        model = ModelConfig(family="cnn_blocks", options={"filters": [8], "dense": 8, "dense_norm": True})
        chosen = candidate("blocks", batch_size=1)
        chosen = chosen.model_copy(update={"recipe": chosen.recipe.model_copy(update={"model": model})})
        with pytest.raises(TrainingFailed, match=r"batch_size: of a batch of 1 image, BatchNorm layer '\d+'") as caught:
            train(chosen, small_dataset, contract_for(chosen, small_dataset.manifest), work=tmp_path / "w")
        assert caught.value.remedy == "set batch_size to 2 or more"

    @pytest.mark.parametrize(("name", "images"), [("blocks", 1), ("simple", 1), ("speed", 1), ("resnet", 1)])
    def test_maps_have_enough(self, name: str, images: int) -> None:
        check_batches(candidate(name).recipe.model, contract(3), images)

    def test_two_images_have_enough(self) -> None:
        model = ModelConfig(family="cnn_blocks", options={"filters": [8], "dense": 8, "dense_norm": True})
        check_batches(model, contract(3), 2)
        with pytest.raises(TrainingFailed):
            check_batches(model, contract(3), 1)

"""Freezing and unfreezing backbones; heads; resizing on the device."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from podium.config import ModelConfig, TopLayers, TrainerConfig, Unfreeze
from podium.errors import ConfigError
from podium.models import WeightsStore, build, count_parameters, skeleton
from podium.models.heads import head
from podium.models.options import HeadOptions, TimmOptions
from podium.models.recipes import load_recipe
from podium.models.resizing import Resize
from podium.models.transfer import TransferNet
from podium.training.phases import enter, plan

from .counts import COUNTS
from .helpers import NAME, RECIPES, contract, write_timm_weights, write_weights

TIMM = "test_efficientnet.r160_in1k"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WeightsStore:
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder, NAME)
    write_timm_weights(folder, TIMM)
    return WeightsStore(folder)


def make(store: WeightsStore, family: str = "transfer", **options: Any) -> TransferNet:
    options = {"weights": NAME if family == "transfer" else TIMM, **options}
    net = build(ModelConfig(family=family, options=options), contract(), seed=1, weights=store)
    assert isinstance(net, TransferNet)
    return net


def state_of(net: TransferNet) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.backbone.state_dict().items()}


def moved(net: TransferNet, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in net.backbone.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("family", ["transfer", "timm"])
class TestFreezing:
    @pytest.mark.slow
    def test_frozen_batchnorm_keeps_its_statistics(self, store: WeightsStore, family: str) -> None:
        net = make(store, family).train()
        before = state_of(net)
        net(torch.randn(8, 3, 32, 32) * 5 + 3)
        assert not moved(net, before)
        assert not any(p.requires_grad for p in net.backbone.parameters())
        assert all(p.requires_grad for p in net.head.parameters())

    @pytest.mark.parametrize("what", [0.3, TopLayers(layers=7)])
    def test_unfrozen_layers_follow_and_the_others_do_not(
        self, store: WeightsStore, family: str, what: Unfreeze
    ) -> None:
        net = make(store, family).train()
        before = state_of(net)
        net.unfreeze(what)
        names = [name for name, _ in net.layers()]
        expected = names[-7:] if isinstance(what, TopLayers) else names[-math.ceil(0.3 * len(names)) :]
        net(torch.randn(8, 3, 32, 32) * 5 + 3)
        changed = {name.rpartition(".")[0] for name in moved(net, before)}
        norms = {name for name, layer in net.layers() if isinstance(layer, nn.BatchNorm2d)}
        assert changed == norms & set(expected) != set()
        trained = {name.rpartition(".")[0] for name, p in net.backbone.named_parameters() if p.requires_grad}
        assert trained == set(expected)

    def test_statistics_are_kept_on_request_where_layers_are_trained(self, store: WeightsStore, family: str) -> None:
        net = make(store, family).train()
        before = state_of(net)
        net.unfreeze(1.0, freeze_norm=True)
        net(torch.randn(8, 3, 32, 32) * 5 + 3)
        assert not moved(net, before)
        assert all(p.requires_grad for p in net.parameters())
        net.unfreeze(1.0)
        net(torch.randn(8, 3, 32, 32) * 5 + 3)
        assert moved(net, before)

    def test_evaluation_and_training_again_leave_frozen_layers_frozen(self, store: WeightsStore, family: str) -> None:
        net = make(store, family)
        net.unfreeze(0.5)
        norms = {name: index for index, (name, layer) in enumerate(net.layers()) if isinstance(layer, nn.BatchNorm2d)}
        trained = {name: layer.training for name, layer in net.eval().train().layers() if name in norms}
        assert trained == {name: index >= net.frozen for name, index in norms.items()}
        assert set(trained.values()) == {True, False}
        assert not any(layer.training for _, layer in net.eval().layers())


class TestNames:
    def test_a_name_may_be_that_of_the_table_of_layers(self, store: WeightsStore) -> None:
        net = make(store)
        net.unfreeze("backbone.7.norm2")
        assert net.layers()[net.frozen][0] == "7.norm2"

    def test_the_named_layer_is_the_first_that_is_trained(self, store: WeightsStore) -> None:
        net = make(store)
        net.unfreeze("7")
        assert net.layers()[net.frozen][0] == "7.conv1"
        net.unfreeze("7.norm2")
        assert net.layers()[net.frozen][0] == "7.norm2"
        net.unfreeze("0")
        assert net.frozen == 0

    def test_an_unknown_layer_is_refused_with_the_nearest(self, store: WeightsStore) -> None:
        with pytest.raises(ConfigError, match=r"no layer '7\.norm3'") as caught:
            make(store).unfreeze("7.norm3")
        assert "did you mean '7.norm" in str(caught.value)

    def test_a_name_is_whole(self, store: WeightsStore) -> None:
        with pytest.raises(ConfigError, match=r"no layer '7\.conv'"):
            make(store).unfreeze("7.conv")

    def test_more_layers_than_there_are_is_refused(self, store: WeightsStore) -> None:
        with pytest.raises(ConfigError, match="has 42 layers, not 43"):
            make(store).unfreeze(TopLayers(layers=43))


def test_depth_counts_groups_of_layers_from_the_head(store: WeightsStore) -> None:
    net = make(store)
    depths = {name: net.depth(name) for name, _ in net.named_parameters()}
    assert depths["head.classifier.weight"] == 0
    assert depths["backbone.9.conv2.weight"] == depths["backbone.9.conv1.weight"] == 1
    assert depths["backbone.0.conv.weight"] == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "trained"),
    [
        ("efficientnet_b0_240", 2_470_554),  # published (T9)
        ("mobilenetv2_96_dropout", 1_874_250),
        ("vgg16", 3 * (9 * 512 + 1) * 512 + 513 * 256 + 257 * 10),  # its last three convolutions
    ],
)
def test_recipes_fine_tune_what_the_references_did(recipe: str, trained: int) -> None:
    described = load_recipe(recipe, RECIPES)
    net = skeleton(described.model, contract())
    head_phase, tune = plan(net, described.trainer)
    assert count_parameters(net) == COUNTS[recipe], "planning leaves the first phase's layers frozen"
    enter(net, tune)
    assert count_parameters(net) == (COUNTS[recipe][0], trained)
    enter(net, head_phase)
    assert count_parameters(net) == COUNTS[recipe]


class TestStages:
    def trainer(self, unfreeze: Any, **fields: Any) -> TrainerConfig:
        return TrainerConfig.model_validate({"fine_tune": {"epochs": 2, "unfreeze": unfreeze, **fields}})

    def test_each_stage_is_a_phase(self, store: WeightsStore) -> None:
        phases = plan(make(store), self.trainer([{"layers": 3}, "6", 1.0], optimizer="sgd", layer_decay=0.5))
        assert [p.name for p in phases] == ["head", "fine_tune", "fine_tune", "fine_tune"]
        assert [p.unfreeze for p in phases] == [None, TopLayers(layers=3), "6", 1.0]
        assert [p.trainer.optimizer for p in phases] == ["adam", "sgd", "sgd", "sgd"]
        assert [p.layer_decay for p in phases] == [1.0, 0.5, 0.5, 0.5]
        assert [p.epochs for p in phases] == [20, 2, 2, 2]

    def test_a_stage_that_trains_no_more_is_refused(self, store: WeightsStore) -> None:
        with pytest.raises(ConfigError, match=r"0\.1 trains 5 layers, the stage before it 21"):
            plan(make(store), self.trainer([0.5, 0.1]))


class TestHead:
    def test_has_what_is_asked_for_in_that_order(self) -> None:
        options = HeadOptions(
            convolutions=(8, 4), convolution_dropout=0.3, norm=True, dense=6, activation="tanh", dropout=0.4
        )
        net = head(options, 5, 3, pooled=False)
        assert [type(layer).__name__ for layer in net] == [
            *("Conv2d", "Tanh", "Dropout", "Conv2d", "Tanh", "GlobalAveragePool"),
            *("BatchNorm1d", "Linear", "Tanh", "Dropout", "Linear"),
        ]
        assert net.eval()(torch.zeros(2, 5, 7, 7)).shape == (2, 3)

    def test_is_a_classifier_by_default(self) -> None:
        net = head(HeadOptions(), 5, 3, pooled=True)
        assert [name for name, _ in net.named_parameters()] == ["classifier.weight", "classifier.bias"]
        assert net.eval()(torch.zeros(2, 5)).shape == (2, 3)

    @pytest.mark.parametrize("options", [{"convolution_dropout": 0.1, "convolutions": (4,)}, {"activation": "tanh"}])
    def test_settings_without_effect_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="has no effect without"):
            HeadOptions.model_validate(options)


class TestResize:
    @pytest.mark.parametrize("size", [(32, 32), (17, 40), (300, 200)])
    def test_gives_the_side_and_keeps_means(self, size: tuple[int, int]) -> None:
        images = torch.linspace(-2, 2, 3)[None, :, None, None].expand(2, 3, *size)
        resized = Resize(96)(images.contiguous(memory_format=torch.channels_last))
        assert resized.shape == (2, 3, 96, 96)
        assert torch.allclose(resized, images[:, :, :1, :1].expand(2, 3, 96, 96), atol=1e-5)

    def test_leaves_images_of_that_size_alone(self) -> None:
        images = torch.rand(2, 3, 32, 32)
        assert Resize(32)(images) is images

    def test_smooths_where_images_become_smaller(self) -> None:
        """Of stripes one pixel wide nothing is left but their mean."""
        stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
        assert (Resize(16)(stripes)[..., 2:-2] - 0.5).abs().max() < 0.02


class TestTimm:
    def test_is_timms_own_network_with_its_weights(self, store: WeightsStore, tmp_path: Path) -> None:
        import timm

        net = make(store, "timm", input_size=64).eval()
        theirs = timm.create_model("test_efficientnet", num_classes=0).eval()
        theirs.load_state_dict(store.load(TIMM).state, strict=False)
        images = torch.randn(2, 3, 64, 64)
        with torch.inference_mode():
            assert torch.equal(net.features(images), theirs(images))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["rexnet_100.nav_in1k", "swin_tiny_patch4_window7_224.ms_in1k"])
    def test_nothing_is_left_to_chance(self, tmp_path: Path, name: str) -> None:
        """Both have dropout or stochastic depth of their own, which would draw from torch's global generator."""
        write_timm_weights(tmp_path, name)
        side = {"input_size": 224} if "swin" in name else {}
        net = build(
            ModelConfig(family="timm", options={"weights": name, **side}),
            contract(),
            seed=1,
            weights=WeightsStore(tmp_path),
        )
        assert isinstance(net, TransferNet)
        net.unfreeze(1.0)
        net.train()
        images = torch.randn(2, 3, 32, 32)
        before = torch.get_rng_state()
        with torch.no_grad():
            assert torch.equal(net.features(images), net.features(images))
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_network_without_known_blocks_is_grouped_by_its_parts(self) -> None:
        net = skeleton(
            ModelConfig(family="timm", options={"weights": "pit_ti_224.in1k", "input_size": 224}), contract()
        )
        assert isinstance(net, TransferNet)
        depths = [net.depth(name) for name, _ in net.named_parameters()]
        assert min(depths) == 0
        assert max(depths) > 1

    def test_parts_that_the_result_does_not_need_are_removed(self) -> None:
        options = {"weights": "vgg11.tv_in1k", "pooling": "average"}
        net = skeleton(ModelConfig(family="timm", options=options), contract())
        assert isinstance(net, TransferNet)
        assert net.removed == ("pre_logits",)
        whole = skeleton(ModelConfig(family="timm", options={**options, "pooling": "own"}), contract())
        assert count_parameters(whole)[0] - count_parameters(net)[0] > 100_000_000

    @pytest.mark.slow
    def test_computed_tables_have_their_values(self, tmp_path: Path) -> None:
        """Swin looks positions up in tables that are not in its state dict."""
        name = "swin_tiny_patch4_window7_224"
        write_timm_weights(tmp_path, f"{name}.ms_in1k")
        model = ModelConfig(family="timm", options={"weights": f"{name}.ms_in1k", "input_size": 224})
        net = build(model, contract(), seed=1, weights=WeightsStore(tmp_path))
        tables = {n: b for n, b in net.named_buffers() if n.endswith("relative_position_index")}
        assert tables
        assert all(int(table.min()) == 0 and int(table.max()) == 13 * 13 - 1 for table in tables.values())

    @pytest.mark.slow
    def test_position_embeddings_are_interpolated(self, tmp_path: Path) -> None:
        write_timm_weights(tmp_path, "test_vit.r160_in1k")
        model = ModelConfig(family="timm", options={"weights": "test_vit.r160_in1k", "input_size": 64})
        net = build(model, contract(), seed=1, weights=WeightsStore(tmp_path)).eval()
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"weights": "efficientnet_b9.ra_in1k"}, ["no network 'efficientnet_b9'", "did you mean 'efficientnet_b"]),
            (
                {"weights": "test_vit.r160_in1k", "pooling": "average", "input_size": 160},
                ["test_vit", "pooling to own"],
            ),
            ({"weights": "mixer_b16_224.goog_in21k", "input_size": 96}, ["takes images of 224×224 only, not 96×96"]),
        ],
    )
    def test_what_timm_cannot_give_is_refused(self, options: dict[str, Any], words: list[str]) -> None:
        with pytest.raises(ConfigError) as caught:
            skeleton(ModelConfig(family="timm", options=options), contract())
        assert all(word in str(caught.value) for word in words), str(caught.value)

    def test_the_architecture_is_what_stands_before_the_tag(self) -> None:
        assert TimmOptions(weights="tf_efficientnetv2_b0.in1k").architecture == "tf_efficientnetv2_b0"
        with pytest.raises(ValueError, match="pattern"):
            TimmOptions(weights="resnet50")

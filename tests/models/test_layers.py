"""Layers of our own: dropout from a generator, grayscale."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from podium.config import ModelConfig
from podium.models import build
from podium.models.layers import Dropout, Grayscale
from podium.training.inputs import Normalizer

from .helpers import contract

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


class TestDropout:
    def test_draws_from_its_generator_and_keeps_the_mean(self) -> None:
        layer, x = Dropout(0.25).train(), torch.ones(200, 200)
        layer.generator = torch.Generator().manual_seed(3)
        first = layer(x)
        layer.generator.manual_seed(3)
        assert torch.equal(layer(x), first)
        assert first.mean() == pytest.approx(1.0, abs=0.02)
        assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.75], rel=1e-4)

    @pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
    @pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
    def test_drops_at_its_rate_whatever_the_layout(self, rate: float, layout: torch.memory_format) -> None:
        layer = Dropout(rate).train()
        layer.generator = torch.Generator().manual_seed(3)
        x = torch.ones(8, 6, 41, 43).to(memory_format=layout)
        y = layer(x)
        assert y.is_contiguous(memory_format=layout)
        dropped = (y == 0).float()
        spread = (rate * (1 - rate) / x.numel()) ** 0.5
        assert dropped.mean() == pytest.approx(rate, abs=5 * spread)
        assert y.max() == pytest.approx(1 / (1 - rate), rel=1e-4)
        for axis in range(4):
            mean = dropped.mean(dim=[other for other in range(4) if other != axis])
            assert mean == pytest.approx(rate, abs=6 * spread * x.shape[axis] ** 0.5), f"uneven along axis {axis}"
        neighbours = ((dropped[..., 1:] - rate) * (dropped[..., :-1] - rate)).mean()
        assert abs(neighbours) < 5 * rate * (1 - rate) / x.numel() ** 0.5, "neighbours are independent"

    def test_takes_slices_half_precision_and_nothing(self) -> None:
        layer = Dropout(0.5).train()
        layer.generator = torch.Generator().manual_seed(3)
        assert layer(torch.ones(6, 10)[:, ::3]).shape == (6, 4)
        assert layer(torch.ones(0, 10)).shape == (0, 10)
        halves = layer(torch.ones(100, dtype=torch.bfloat16))
        assert halves.dtype == torch.bfloat16
        assert set(halves.tolist()) == {0.0, 2.0}

    def test_is_the_identity_in_evaluation(self) -> None:
        x = torch.randn(5, 5)
        assert torch.equal(Dropout(0.5).eval()(x), x)

    def test_never_falls_back_to_the_global_generator(self) -> None:
        with pytest.raises(RuntimeError, match="generator"):
            Dropout(0.5).train()(torch.ones(2))


def decode(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def pillow_gray(images: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])


def seen_gray(images: np.ndarray) -> np.ndarray:
    """Gray levels that the layer makes of images that were normalized as the engine does."""
    given = contract().model_copy(update={"mean": MEAN, "std": STD})
    layer = Grayscale(MEAN, STD)
    normalized = layer(Normalizer.of(given, torch.device("cpu"))(torch.from_numpy(images)))
    assert normalized.shape == (len(images), 1, *images.shape[1:3])
    return ((normalized[:, 0] * layer.std + layer.mean) * 255).numpy()


class TestGrayscale:
    def test_is_what_pillow_makes_of_random_pixels(self) -> None:
        images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
        assert np.abs(seen_gray(images) - pillow_gray(images)).max() <= 0.505, "beyond Pillow's rounding"

    @pytest.mark.shared
    def test_is_what_pillow_makes_of_photographs(self, shared_data: Path) -> None:
        rows = pq.ParquetFile(shared_data / "cifar10-test.parquet").iter_batches(200)
        images = np.stack([decode(row["bytes"]) for row in next(rows).column("img").to_pylist()])
        assert np.abs(seen_gray(images) - pillow_gray(images)).max() <= 0.505

    def test_of_gray_images_has_the_variance_of_their_channels(self) -> None:
        level = torch.randn(1, 1, 50, 50, generator=torch.Generator().manual_seed(1)) * 0.2
        std = torch.tensor([0.2, 0.2, 0.2]).reshape(1, 3, 1, 1)
        gray = Grayscale((0.5,) * 3, (0.2,) * 3)(level.expand(1, 3, 50, 50) / std)
        assert gray.std() == pytest.approx(float((level / 0.2).std()), rel=1e-5)

    def test_has_no_state_and_leaves_the_contract_rgb(self) -> None:
        assert not Grayscale(MEAN, STD).state_dict()
        net = build(ModelConfig(family="cnn_blocks", options={"grayscale": True}), contract(), seed=1).eval()
        red = torch.zeros(1, 3, 32, 32)
        red[:, 0] = 1.0
        with torch.inference_mode():
            assert not torch.allclose(net(red), net(red.flip(1))), "red is darker than green and brighter than blue"
        assert next(iter(net.state_dict().values())).shape[1] == 1

"""RandAugment's operations beside Pillow's, on patches of a photograph."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image

from podium.config import AugmentConfig, RandAugmentConfig
from podium.training.augment import augment_batch
from podium.training.augment.rand_augment import OPERATIONS

pytestmark = pytest.mark.usefixtures("one_thread")

STRENGTHS = (0.0, 0.3, 0.7, 1.0)
GRAY = (128, 128, 128)
HEIGHT, WIDTH = 32, 40


def patches() -> torch.Tensor:
    photo = load_sample_image("china.jpg")
    return torch.from_numpy(
        np.stack([photo[y : y + HEIGHT, x : x + WIDTH] for y in range(0, 384, 64) for x in range(0, 600, 100)])
    )


def enhanced(kind: str) -> object:
    return lambda image, strength, sign: getattr(ImageEnhance, kind)(image).enhance(1 + 0.9 * strength * sign)


def moved(x: object, y: object) -> object:
    """Pillow's transform by a map about the middle of the image."""

    def transform(image: Image.Image, strength: float, sign: float) -> Image.Image:
        (a, b, c), (d, e, f) = x(strength, sign), y(strength, sign)  # type: ignore[operator]
        u, v = WIDTH / 2, HEIGHT / 2
        matrix = (a, b, c + u - a * u - b * v, d, e, f + v - d * u - e * v)
        return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=GRAY)

    return transform


ANGLE = math.radians(30)
PILLOW = {
    "identity": lambda image, strength, sign: image,
    "brightness": enhanced("Brightness"),
    "color": enhanced("Color"),
    "contrast": enhanced("Contrast"),
    "sharpness": enhanced("Sharpness"),
    "posterize": lambda image, strength, sign: ImageOps.posterize(image, 8 - round(4 * strength)),
    "solarize": lambda image, strength, sign: ImageOps.solarize(image, 255 * (1 - strength)),
    "auto_contrast": lambda image, strength, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, strength, sign: ImageOps.equalize(image),
    "shear_x": moved(lambda m, s: (1, 0.3 * m * s, 0), lambda m, s: (0, 1, 0)),
    "shear_y": moved(lambda m, s: (1, 0, 0), lambda m, s: (0.3 * m * s, 1, 0)),
    "translate_x": moved(lambda m, s: (1, 0, s * int(150 / 331 * m * WIDTH)), lambda m, s: (0, 1, 0)),
    "translate_y": moved(lambda m, s: (1, 0, 0), lambda m, s: (0, 1, s * int(150 / 331 * m * HEIGHT))),
    "rotate": moved(
        lambda m, s: (math.cos(ANGLE * m), -s * math.sin(ANGLE * m), 0),
        lambda m, s: (s * math.sin(ANGLE * m), math.cos(ANGLE * m), 0),
    ),
}
WARPED = {"shear_x", "shear_y", "rotate"}


def test_every_operation_has_a_counterpart() -> None:
    assert set(PILLOW) == set(OPERATIONS)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"identity"}))
def test_it_gives_what_pillow_gives(name: str, strength: float) -> None:
    """Bit for bit; where an image is warped, but for pixels that lie on a border between two (1 in 200)."""
    batch = patches()
    signs = torch.tensor([1.0, -1.0]).repeat(len(batch) // 2)
    ours = OPERATIONS[name](batch, strength, signs)  # type: ignore[misc]
    theirs = np.stack(
        [PILLOW[name](Image.fromarray(a.numpy()), strength, float(s)) for a, s in zip(batch, signs, strict=True)]  # type: ignore[operator]
    )
    assert ours.dtype == torch.uint8
    different = (ours.numpy() != theirs).any(3).mean()
    assert different <= (0.005 if name in WARPED else 0)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"identity"}))
def test_even_and_two_colored_images_are_taken(name: str) -> None:
    batch = torch.full((4, 8, 8, 3), 77, dtype=torch.uint8)
    batch[2:, :4] = 200
    signs = torch.ones(4)
    ours = OPERATIONS[name](batch, 0.0, signs)  # type: ignore[misc]
    assert ours.shape == batch.shape
    assert torch.equal(ours[:2], batch[:2])


def test_the_strength_grows_with_the_magnitude() -> None:
    batch = patches()

    def change(magnitude: int) -> float:
        config = AugmentConfig(rand_augment=RandAugmentConfig(operations=1, magnitude=magnitude))
        after = augment_batch(batch, config, torch.Generator().manual_seed(0))
        return float((after.double() - batch).abs().mean())

    assert change(1) < change(10) < change(30)


def test_all_operations_are_drawn_and_each_counts() -> None:
    """One image many times: one operation gives at most as many pictures as operations and signs there are."""
    batch = patches()[:1].expand(600, -1, -1, -1)
    config = AugmentConfig(rand_augment=RandAugmentConfig(operations=1, magnitude=15))
    after = augment_batch(batch, config, torch.Generator().manual_seed(0))
    kinds = len(set(map(bytes, after.numpy())))
    signed = 9  # four enhancements and five warps look different by sign
    assert kinds == len(OPERATIONS) + signed

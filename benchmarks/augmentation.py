"""Augmentation: how many images a second, batched here and image by image with torchvision?

    python benchmarks/augmentation.py [--batch 512] [--side 32] [--repeats 15] [--threads 2] [--device cpu]

Patches of a photograph that scikit-learn brings are changed in ways as alike as the two libraries allow. torchvision's
transforms get each image as Pillow's, as its data sets give it, and run in one process. Both are timed in turns, and
the best of all repeats counts, since what disturbs a timing only lengthens it. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import v2

from podium.config import AugmentConfig
from podium.training.augment import Samples, augment_batch, mix
from podium.training.hardware import describe_hardware

CLASSES = 10
FEW = 64
"""Images that the slower side is timed on."""


def kinds(side: int) -> dict[str, tuple[AugmentConfig, Callable[[Image.Image], object]]]:
    """Name → Podium's configuration, torchvision's transform of one image."""
    four, half = max(1, side // 8), side // 2
    flip = transforms.RandomHorizontalFlip()
    crop = transforms.RandomCrop(side, padding=four, padding_mode="reflect")
    rand = transforms.RandAugment(2, 9, fill=[128] * 3)
    area = (half / side) ** 2
    erase = transforms.Compose(
        [transforms.PILToTensor(), transforms.RandomErasing(p=1, scale=(area, area), ratio=(1, 1), value=128)]
    )
    bilinear = transforms.InterpolationMode.BILINEAR
    turn = transforms.RandomAffine(15, scale=(0.9, 1.1), interpolation=bilinear)
    configs: dict[str, tuple[dict[str, object], Callable[[Image.Image], object]]] = {
        "flip": ({"flip": True}, flip),
        "flip: alternating": ({"flip": "alternating"}, flip),
        f"crop {four} px": ({"crop": four}, crop),
        f"flip, crop {four} px": ({"flip": True, "crop": four}, transforms.Compose([flip, crop])),
        "flip, rotation 15°, zoom 10 %": (
            {"flip": True, "rotation": 15, "zoom": 0.1},
            transforms.Compose([flip, turn]),
        ),
        f"cutout {half} px": ({"cutout": half}, erase),
        "RandAugment 2 × 9": ({"rand_augment": {"operations": 2, "magnitude": 9}}, rand),
        "flip, crop, RandAugment, cutout": (
            {"flip": True, "crop": four, "rand_augment": {}, "cutout": half},
            transforms.Compose([flip, crop, rand, erase]),
        ),
    }
    return {name: (AugmentConfig.model_validate(config), other) for name, (config, other) in configs.items()}


def patches(count: int, side: int) -> Tensor:
    """Uint8 N×side×side×3, at random places of the photograph."""
    photo = load_sample_image("china.jpg")
    rng = np.random.default_rng(0)
    tops, lefts = rng.integers(0, photo.shape[0] - side, count), rng.integers(0, photo.shape[1] - side, count)
    return torch.from_numpy(np.stack([photo[y : y + side, x : x + side] for y, x in zip(tops, lefts, strict=True)]))


def race(first: Callable[[], object], second: Callable[[], object], repeats: int, device: str) -> tuple[float, float]:
    """Seconds of each, the best of ``repeats``, taken in turns."""
    best = [float("inf")] * 2
    for _ in range(repeats + 1):
        for place, function in enumerate((first, second)):
            start = time.perf_counter()
            function()
            if device != "cpu":
                torch.cuda.synchronize()
            best[place] = min(best[place], time.perf_counter() - start)
    return best[0], best[1]


def main() -> None:
    """Time every kind and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pictures = patches(options.batch, options.side)
    images = pictures.to(options.device)
    generator = torch.Generator(options.device).manual_seed(0)
    samples = Samples(torch.arange(options.batch, device=options.device), epoch=1, seed=0)

    print(f"{describe_hardware()}; {options.threads} threads, batches of {options.batch}, best of {options.repeats}.\n")
    print(f"| {options.side}×{options.side} | Podium, images/s | torchvision, images/s | ratio |\n|---|---|---|---|")

    def row(name: str, ours: float, theirs: float) -> None:
        print(f"| {name} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.1f} |", flush=True)

    few = pictures[:FEW].numpy()
    for name, (config, transform) in kinds(options.side).items():

        def theirs(transform: Callable[[Image.Image], object] = transform) -> None:
            for pixels in few:
                np.asarray(transform(Image.fromarray(pixels)))

        def ours(config: AugmentConfig = config) -> None:
            augment_batch(images, config, generator, samples)

        seconds = race(ours, theirs, options.repeats, options.device)
        row(name, options.batch / seconds[0], len(few) / seconds[1])

    floats = images.permute(0, 3, 1, 2).float()
    labels = torch.arange(options.batch, device=options.device) % CLASSES
    mixup, whole = AugmentConfig(mixup=0.2), v2.MixUp(alpha=0.2, num_classes=CLASSES)
    seconds = race(
        lambda: mix(floats, labels, CLASSES, mixup, generator),
        lambda: whole(floats, labels),
        options.repeats,
        options.device,
    )
    row("mixup 0.2 (torchvision: one share a batch)", options.batch / seconds[0], options.batch / seconds[1])


if __name__ == "__main__":
    main()

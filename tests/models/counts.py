"""Parameters of every recipe for 32×32 images of ten classes: published, or by hand from the reference table.

Pairs of all parameters, with BatchNorm's running mean and variance as Keras counts, and the trainable ones.
"""

from __future__ import annotations

from itertools import pairwise


def convolutions(*channels: int, bias: int = 1) -> int:
    """A chain of 3×3 convolutions."""
    return sum((9 * before + bias) * after for before, after in pairwise(channels))


def dense(*widths: int) -> int:
    """A chain of dense layers with biases."""
    return sum((before + 1) * after for before, after in pairwise(widths))


def with_norm(weights: int, *channels: int) -> tuple[int, int]:
    """BatchNorm over these channels: scale and shift, which are trained, and mean and variance, which are not."""
    return weights + 4 * sum(channels), weights + 2 * sum(channels)


def plain(weights: int) -> tuple[int, int]:
    return weights, weights


def speed(widths: tuple[int, ...], convolutions_a_block: int) -> tuple[int, int]:
    """Whitening 24 × 2×2×3 with biases; convolutions without; BatchNorm with a scale that is not trained; a head."""
    total, trained, before = 24 * 12 + 24, 24, 24
    for width in widths:
        weights = convolutions(before, *[width] * convolutions_a_block, bias=0)
        total += weights + convolutions_a_block * 4 * width
        trained += weights + convolutions_a_block * width
        before = width
    return total + 10 * before, trained + 10 * before


THREE, FOUR = (32, 64, 128), (32, 64, 128, 256)
TWICE = (32, 32, 64, 64, 128, 128, 256, 256)
LADDER = convolutions(3, *THREE) + dense(2048, 128, 10)
DEEP = with_norm(convolutions(3, *TWICE) + dense(256, 256, 10), *TWICE)
RESNET_CONVOLUTIONS = (
    9 * 3 * 16 + 6 * 9 * 16 * 16 + (9 * 16 * 32 + 5 * 9 * 32 * 32 + 16 * 32) + (9 * 32 * 64 + 5 * 9 * 64 * 64 + 32 * 64)
)
# Six convolutions a stage, plus the first one or the shortcut.
RESNET = with_norm(RESNET_CONVOLUTIONS + dense(64, 10), *[16] * 7, *[32] * 7, *[64] * 7)

KERAS = {
    "mobilenetv2_100": 2_257_984,
    "vgg16": 14_714_688,
    "efficientnet_b0": 4_049_571,
    "densenet121": 7_037_504,
    "resnet50": 23_587_712,
    "inception_v3": 21_802_784,
    "tf_efficientnetv2_b0": 5_919_312,
}
"""Of Keras's applications without their top."""
MORE_THAN_KERAS = {
    "efficientnet_b0": -7,  # Keras's Normalization layer: mean and variance of three channels, and a count
    "resnet50": -26_560,  # biases of Keras's 53 convolutions, which BatchNorm takes away again: one a channel
    "inception_v3": 17_216,  # scales of BatchNorm, which Keras's does without: one a channel
}
"""Where timm's network differs, and by how many parameters."""
OTHERS = {"convnextv2_atto": 3_387_400, "vit_small_patch14_dinov2": 22_056_192}  # as timm has them


def transfer(architecture: str, *head: int, convolutions: int = 0, norm: int = 0) -> tuple[int, int]:
    """A frozen backbone under dense layers of these widths."""
    backbone = KERAS.get(architecture, 0) + MORE_THAN_KERAS.get(architecture, 0) + OTHERS.get(architecture, 0)
    top = dense(*head) + convolutions
    return backbone + top + 4 * norm, top + 2 * norm


T8 = transfer("efficientnet_b0", 64, 128, 10, convolutions=convolutions(1280, 128, 64))

COUNTS = {
    "simple_cnn": (315_722, 315_722),  # published
    "custom_cnn": (622_282, 621_322),  # published
    "deep_cnn_650k": (653_386, 653_386),  # published as about 650 K
    "deep_cnn_165k": (164_394, 164_394),  # published as about 165 K
    "cnn_3block": with_norm(convolutions(3, *THREE) + dense(2048, 256, 10), *THREE),
    "cnn_4block_l2": with_norm(convolutions(3, *FOUR) + dense(256, 256, 10), *FOUR),
    "ladder_base": plain(LADDER),
    "ladder_batchnorm": with_norm(LADDER, *THREE),
    "ladder_augment": with_norm(LADDER, *THREE),
    "ladder_early_stopping": with_norm(LADDER, *THREE),
    "ladder_dropout": with_norm(LADDER, *THREE),
    "ladder_gap": with_norm(convolutions(3, *THREE) + dense(128, 128, 10), *THREE),
    "ladder_deep": DEEP,
    "ladder_plateau": DEEP,
    "ladder_adamw": DEEP,
    "vgg10": plain(convolutions(3, *TWICE) + dense(1024, 256, 10)),
    "gray_cnn_adam": plain(convolutions(1, 32, 64, 64) + dense(1024, 64, 10)),
    "gray_cnn_rmsprop": plain(convolutions(1, 64, 128, 128) + dense(2048, 64, 10)),
    "resnet20": RESNET,
    "resnet20_pretraining": RESNET,
    "transfer_resnet20": (RESNET[0], dense(64, 10)),
    "mobilenetv2_96": transfer("mobilenetv2_100", 1280, 10),
    "mobilenetv2_96_dropout": (2_270_794, 12_810),  # published
    "vgg16": transfer("vgg16", 512, 256, 10),
    "efficientnet_b0": transfer("efficientnet_b0", 1280, 10),
    "efficientnet_b0_relu": T8,
    "efficientnet_b0_tanh": T8,
    "efficientnet_b0_240": (4_214_829 - 7, 165_258),  # published, less Keras's Normalization layer
    "densenet121_96": transfer("densenet121", 1024, 256, 10, norm=1024),
    "resnet50_224": transfer("resnet50", 2048, 256, 10),
    "inception_v3": transfer("inception_v3", 2048, 256, 10),
    "efficientnetv2": transfer("tf_efficientnetv2_b0", 1280, 10),
    "convnextv2_atto": transfer("convnextv2_atto", 320, 10),
    "dinov2_small": transfer("vit_small_patch14_dinov2", 384, 10),
    "speedrun": speed((64, 256, 256), 2),
    "speedrun_96": speed((128, 384, 512), 3),
}

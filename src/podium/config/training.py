"""How a network is trained: optimizer, schedule, callbacks and augmentation."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from podium.config.base import Frozen

Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""Of epochs or images; far above any training's, and below what overflows."""
Factor = Annotated[float, Field(gt=0, le=1e6)]
Pixels = Annotated[int, Field(ge=0, le=65_536)]
OptimizerName = Literal["adam", "adamw", "rmsprop", "adadelta", "sgd", "muon"]


class RandAugmentConfig(Frozen):
    """A few operations on color and geometry for each image, all of one strength.

    Cubuk et al. 2019, arXiv 1909.13719.
    """

    operations: int = Field(2, ge=1, le=8)
    """Operations applied to an image, one after the other, drawn with replacement."""
    magnitude: int = Field(9, ge=0, le=30)
    """Strength of each, from 0 (next to nothing) to 30."""


class AugmentConfig(Frozen):
    """Random changes to training images, drawn anew for each sample and epoch."""

    flip: Literal[False, True, "alternating"] = False
    """Mirror left-right with probability 0.5. ``alternating``: a random half in odd epochs, the other half in even ones
    (Jordan 2024, arXiv 2404.00498, section 3.6). Wrong for digits and letters."""
    rotation: float = Field(0.0, ge=0, le=180)
    """Largest rotation either way, in degrees."""
    zoom: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of size either way: 0.1 means a factor in [0.9, 1.1]."""
    shift: float = Field(0.0, ge=0, lt=1)
    """Largest displacement along each axis, as a fraction of the side; the border's pixels are repeated."""
    crop: Pixels = 0
    """Largest displacement along each axis, in pixels; what moves in mirrors the image at its border."""
    cutout: Pixels = 0
    """Side in pixels of a square turned gray at a random place (DeVries & Taylor 2017, arXiv 1708.04552)."""
    rand_augment: RandAugmentConfig | None = None
    mixup: float = Field(0.0, ge=0, le=1e6)
    """Alpha of the Beta distribution that images and targets of a batch are mixed by (Zhang et al. 2017,
    arXiv 1710.09412); 0: not mixed."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.crop and self.shift:
            raise ValueError("crop and shift both displace the image: set one of the two to 0")
        return self


class EarlyStoppingConfig(Frozen):
    """Stop when validation no longer improves; the best weights are restored."""

    monitor: Literal["accuracy", "loss"] = "accuracy"
    patience: int = Field(8, ge=1)
    """Epochs without improvement before training stops."""


class PlateauConfig(Frozen):
    """Lower the learning rate when validation loss no longer improves."""

    patience: int = Field(4, ge=1)
    factor: float = Field(0.2, gt=0, lt=1)
    floor: float = Field(1e-6, ge=0)
    """The learning rate is never set below this."""


class TopLayers(Frozen):
    """So many layers of the backbone, from the top."""

    layers: int = Field(ge=1)


Unfreeze = Annotated[float, Field(gt=0, le=1)] | TopLayers | Annotated[str, Field(pattern=r"^\w+(\.\w+)*$")]
"""What of a backbone is trained: a fraction of its layers from the top, their number, or the name of the first."""


_ONE: TypeAdapter[Unfreeze] = TypeAdapter(Unfreeze)


def _in_one_sentence(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Of a value that fits none of the forms, every one would say why."""
    try:
        if isinstance(value, str) and value.replace(".", "", 1).isdigit() and "." in value:
            raise ValueError
        return check(tuple(map(_ONE.validate_python, value)) if isinstance(value, list) else value)
    except ValueError:
        raise ValueError(
            "must be a fraction above 0 and up to 1 (0.2), a number of layers ({layers: 20}), the name of the first"
            f" trained layer (blocks.5.2), or a list of two or more of these, not {json.dumps(value)}"
        ) from None


class FineTuneConfig(Frozen):
    """Second phase of transfer learning: the top of the backbone is trained too, at a lower learning rate."""

    epochs: Count = 5
    """Of each stage, where ``unfreeze`` names several."""
    learning_rate: Factor = 1e-4
    unfreeze: Annotated[
        Unfreeze | Annotated[tuple[Unfreeze, ...], Field(min_length=2)], WrapValidator(_in_one_sentence)
    ] = 1.0
    """Several: one stage after the other, each training more layers than the one before."""
    freeze_norm: bool = False
    """Whether BatchNorm keeps its statistics in the layers that are trained, too; in frozen ones it always does."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Learning rate of each group of layers (a block), as a fraction of that of the group above it."""
    optimizer: OptimizerName | None = None
    """null: that of the first phase."""
    cached_views: Count | None = None
    """As the trainer's, for the layers that stay frozen: each image goes through them so many times in all, and the
    epochs of a stage train the rest on what they gave."""

    @property
    def stages(self) -> tuple[Unfreeze, ...]:
        """What each stage trains."""
        return self.unfreeze if isinstance(self.unfreeze, tuple) else (self.unfreeze,)


class AveragingConfig(Frozen):
    """Exponential moving average of the weights, which validation, early stopping and the result use."""

    decay: float = Field(0.999, gt=0, lt=1)
    """Share of the old average that a step leaves."""
    every: int = Field(1, ge=1)
    """Steps between two updates, which then count for as many steps."""


USED_BY: Final = {
    "momentum": ("optimizer", ("sgd", "muon", "rmsprop")),
    "unit_filters": ("optimizer", ("muon",)),
    "warm_up": ("schedule", ("triangular",)),
    "final_rate": ("schedule", ("triangular",)),
}
"""Settings of the trainer that only some optimizers or schedules look at."""


class TrainerFields(Frozen):
    """What can be set of a training, each for itself: a layer of a run's file need not make sense alone."""

    epochs: Count = 20
    batch_size: Count = 64
    micro_batch: int | None = Field(None, ge=4, le=1_000_000)
    """Images that a process shows the network at once; null: all of a batch. Memory follows it, as the gradients of a
    batch's parts are added up. BatchNorm normalizes by the part (Hoffer et al. 2017, arXiv 1705.08741)."""
    optimizer: OptimizerName = "adam"
    """``muon`` trains convolutions and hidden matrices by orthogonalized momentum, the rest by SGD."""
    learning_rate: Factor = 1e-3
    bias_rate: Factor = 1.0
    """Learning rate of biases and normalization, as a multiple of ``learning_rate``."""
    head_rate: Factor = 1.0
    """Learning rate of the last matrix (that of the classifier), as a multiple of ``learning_rate``."""
    weight_decay: float = Field(0.0, ge=0, le=1e6)
    """Decoupled for adamw and muon; for the others a penalty on the gradient (twice Keras's l2 factor). Parts with
    a learning rate of their own decay as fast as the others."""
    bias_decay: bool = False
    """Whether biases and normalization decay, too."""
    momentum: float | None = Field(None, ge=0, lt=1)
    """For sgd and muon (Nesterov) and rmsprop; null: 0.9, 0.95 and 0, as is usual for each."""
    unit_filters: bool = False
    """muon: before each step, scale each convolution so that its filters' norm is 1 in the root mean square, instead of
    weight decay. Only for networks whose convolutions are followed by a normalization."""
    schedule: Literal["constant", "cosine", "one_cycle", "triangular"] = "constant"
    """``triangular`` rises in a straight line for ``warm_up``, then falls in one to ``final_rate``."""
    warm_up: float = Field(0.2, ge=0, lt=1)
    """triangular: fraction of the steps."""
    final_rate: float = Field(0.0, ge=0, le=1)
    """triangular: as a fraction of the peak."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    early_stopping: EarlyStoppingConfig | None = None
    plateau: PlateauConfig | None = None
    fine_tune: FineTuneConfig | None = None
    """Only for recipes with a pretrained backbone, whose first phase trains the head alone."""
    cached_views: Count | None = None
    """Only for recipes with a pretrained backbone: how many views of each training image go through it, once, for all
    epochs of the first phase, which take turns: the image itself, and augmented ones. null: each epoch anew."""
    augment: AugmentConfig = AugmentConfig()
    averaging: AveragingConfig | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16 is autocast: weights and optimizer stay float32. ``auto``: the faster one, measured."""
    compile: Literal["auto", "never", "always"] = "auto"
    """``auto``: where compiling is expected to save more time than it takes."""
    kernels: Literal["auto", "never", "always"] = "auto"
    """On a CPU in float32, uncompiled: Podium's own convolutions and normalization. ``auto``: where measured faster."""


class TrainerConfig(TrainerFields):
    """One training run. The recipe file gives the values that differ from these defaults."""

    @property
    def keeps_features(self) -> bool:
        """Whether images are passed through frozen layers once, for all epochs of a phase."""
        return bool(self.cached_views or (self.fine_tune and self.fine_tune.cached_views))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.micro_batch and self.batch_size % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide batch_size {self.batch_size}")
        if self.plateau and self.schedule != "constant":
            raise ValueError(f"plateau works on a constant schedule, not on {self.schedule!r}: remove one of the two")
        if self.plateau and self.plateau.floor >= self.learning_rate:
            raise ValueError(
                f"plateau.floor {self.plateau.floor} is not below learning_rate {self.learning_rate}, so that plateau"
                " has no effect: lower it, or remove plateau"
            )
        if self.kernels == "always" and (self.precision == "bfloat16" or self.compile == "always"):
            other = "precision bfloat16" if self.precision == "bfloat16" else "compile always"
            raise ValueError(f"kernels always has no effect with {other}: remove one of the two")
        if self.keeps_features and self.augment.mixup:
            raise ValueError("cached_views keeps images apart, and mixup mixes them: remove one of the two")
        for name, (field, users) in USED_BY.items():
            value, chosen = getattr(self, name), getattr(self, field)
            if chosen not in users and value != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} {value} has no effect with {field} {chosen!r}, only with {', '.join(users)}: remove it"
                )
        return self

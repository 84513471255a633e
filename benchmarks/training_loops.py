"""The loops that ``training.py`` compares. Each ``make`` gives a function that trains one epoch."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from podium.config import AugmentConfig, Candidate, TrainerConfig
from podium.contract import InputContract
from podium.data import Dataset, Split
from podium.models import EMBEDDED_WEIGHTS, WeightsStore, build
from podium.models.layers import set_dropout_generator
from podium.training.epoch import Position
from podium.training.execution import Execution
from podium.training.health import Health
from podium.training.job import Job
from podium.training.optimizers import make_optimizer
from podium.training.phases import enter
from podium.training.session import Session

WORKERS = 2
KERNELS = "Podium, kernels"
COMPILED = "Podium, compiled"
OURS = ("Podium", KERNELS, COMPILED)


@dataclass(frozen=True)
class Task:
    """What every loop trains."""

    candidate: Candidate
    contract: InputContract
    dataset: Dataset
    images: int
    part: Literal["train", "validation"] = "train"
    weights: WeightsStore = EMBEDDED_WEIGHTS

    @property
    def trainer(self) -> TrainerConfig:
        """Batch size, optimizer, augmentation."""
        return self.candidate.trainer

    @property
    def split(self) -> Split:
        """Its first ``images``."""
        whole = self.dataset[self.part]
        return Split(whole.images[: self.images], whole.labels[: self.images])

    @property
    def device(self) -> torch.device:
        """The GPU, where there is one."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def network(self) -> nn.Module:
        """A new network on the device, in the memory layout that people's loops leave it in."""
        net = build(self.candidate.recipe.model, self.contract, seed=0, weights=self.weights).to(self.device)
        set_dropout_generator(net, torch.Generator(self.device).manual_seed(0))
        return net.train()

    def optimizer(self, net: nn.Module) -> torch.optim.Optimizer:
        """The recipe's; where torch has none (muon), SGD with momentum, as people would take."""
        known = {"adam", "adamw", "rmsprop", "sgd", "adadelta"}
        trainer = (
            self.trainer if self.trainer.optimizer in known else self.trainer.model_copy(update={"optimizer": "sgd"})
        )
        return make_optimizer(net, trainer, 1e-3)


class Pictures(torch.utils.data.Dataset):
    """Images one by one, as Pillow images through torchvision's transforms."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor]) -> None:
        self.images, self.labels, self.transform = np.array(split.images), np.array(split.labels), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[place])), int(self.labels[place])


def transforms(task: Task) -> Callable[[Image.Image], Tensor]:
    """The recipe's augmentation from torchvision."""
    from torchvision.transforms import v2

    augment, side = task.trainer.augment, task.contract.height
    if task.part == "validation":
        augment = AugmentConfig()
    steps: list[Any] = []
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip())
    if augment.rotation or augment.zoom or augment.shift:
        steps.append(
            v2.RandomAffine(
                augment.rotation,
                translate=(augment.shift, augment.shift),
                scale=(1 - augment.zoom, 1 + augment.zoom),
                interpolation=v2.InterpolationMode.BILINEAR,
            )
        )
    if augment.crop:
        steps.append(v2.RandomCrop(side, padding=augment.crop, padding_mode="reflect"))
    steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(task.contract.mean, task.contract.std)]
    if augment.cutout:
        area = (augment.cutout / side) ** 2
        steps.append(v2.RandomErasing(p=1, scale=(area, area), ratio=(1, 1)))
    return v2.Compose(steps)


def loader(task: Task) -> DataLoader:
    """Batches from worker processes, which stay from epoch to epoch."""
    size, gpu = task.trainer.batch_size, task.device.type == "cuda"
    return DataLoader(
        Pictures(task.split, transforms(task)),
        size, shuffle=task.part == "train", num_workers=WORKERS, persistent_workers=True, pin_memory=gpu,
    )  # fmt: skip


def plain(task: Task) -> Callable[[], None]:
    """The loop that people write."""
    net, batches = task.network(), loader(task)
    optimizer = task.optimizer(net)

    def epoch() -> None:
        total = 0.0
        for batch in batches:
            images, labels = (values.to(task.device) for values in batch)
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(images), labels, label_smoothing=task.trainer.label_smoothing)
            loss.backward()
            optimizer.step()
            total += loss.item()

    return epoch


def lightning(task: Task) -> Callable[[], None]:
    """Lightning's ``Trainer``, one that stays; nothing is logged or kept."""
    import lightning as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = task.network()

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            return functional.cross_entropy(self.net(batch[0]), batch[1], label_smoothing=task.trainer.label_smoothing)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return task.optimizer(self.net)

    module, batches = Module(), loader(task)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(max_epochs=0, accelerator="auto", devices=1, **quiet)
    done = itertools.count(1)

    def epoch() -> None:
        trainer.fit_loop.max_epochs = next(done)
        trainer.fit(module, batches)

    return epoch


def timm(task: Task) -> Callable[[], None]:
    """The loader of timm with its transforms, and the step of its training script, which is no part of the package."""
    from timm.data import create_loader

    augment = task.trainer.augment
    data = Pictures(task.split, lambda image: image)  # type: ignore[arg-type, return-value]
    batches = create_loader(
        data, (3, task.contract.height, task.contract.width), task.trainer.batch_size, is_training=True,
        use_prefetcher=task.device.type == "cuda", no_aug=not augment.flip, hflip=0.5 if augment.flip else 0.0,
        mean=task.contract.mean, std=task.contract.std, num_workers=WORKERS, persistent_workers=True,
        device=task.device, color_jitter=None, scale=(0.8, 1.0), ratio=(1.0, 1.0),
    )  # fmt: skip
    net = task.network().to(memory_format=torch.channels_last)
    optimizer = task.optimizer(net)

    def epoch() -> None:
        for pictures, labels in batches:
            logits = net(pictures.to(task.device, memory_format=torch.channels_last))
            loss = functional.cross_entropy(
                logits, labels.to(task.device), label_smoothing=task.trainer.label_smoothing
            )
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    return epoch


def podium(task: Task, execution: Execution, phase: int = 0) -> Callable[[], None]:
    """The engine's loop in a phase of the recipe as it is, without validation and checkpoints."""
    splits = {**task.dataset.splits, "train": task.split}
    dataset = Dataset(task.dataset.path, task.dataset.manifest, splits)
    work = Path(tempfile.gettempdir())
    net = build(task.candidate.recipe.model, task.contract, seed=0, weights=task.weights)
    session = Session(Job(task.candidate, task.contract, dataset, task.device, work), net)
    session.begin(execution)
    chosen = session.phases[phase]
    enter(session.net, chosen)
    loop = session.loop(make_optimizer(session.net, chosen.trainer, 1e-3, chosen.layer_decay))
    done = itertools.count(1)

    def epoch() -> None:
        position = Position.start(len(session.train), session.classes, session.generator)
        result = loop.run(
            position, Health(), phase="train", epoch=next(done), rate=lambda _: 1e-3, stop=lambda: False
        )  # fmt: skip
        assert result is not None

    return epoch


LOOPS: dict[str, tuple[str | None, Callable[[Task], Callable[[], None]]]] = {
    "plain loop": (None, plain),
    "Lightning": ("lightning", lightning),
    "timm": ("timm", timm),
    OURS[0]: (None, lambda task: podium(task, Execution())),
    KERNELS: (None, lambda task: podium(task, Execution(kernels=True))),
    COMPILED: (None, lambda task: podium(task, Execution(compiled=True))),
}
"""By name: the package that must be installed, and how it is made."""

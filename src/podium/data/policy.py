"""Whether a data set has the size and the resize policy that a run's configuration names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Final

from podium.config.run import DataConfig, RunConfig
from podium.config.sweep import SweepConfig
from podium.data.manifest import Manifest
from podium.data.store import SPLITS, Dataset, open_dataset, read_manifest
from podium.errors import ConfigError, DataError

_NAMED: Final = ("folder", "table", "cifar")
"""Sources that begin ``Manifest.source`` with their name and go on with that of the one file or folder."""
_OTHERS: Final = ("arrays", "webdataset", "parquet")
_DRAWN: Final = re.compile(r"(; (validation|test): \d+% of train, seed \d+)+$")


def open_configured(
    config: RunConfig | SweepConfig, root: Path, *, file: Path | None = None, only: Collection[str] = SPLITS
) -> Dataset:
    """Open the data set that a run's configuration names; the images are not verified.

    Args:
        config: Of the run or sweep.
        root: The checkout.
        file: Where the configuration stands; its name unless given.
        only: Splits to open.

    Raises:
        DataError: There is no data set.
        ConfigError: It has another size or policy than the configuration says.
    """
    dataset = open_dataset(root / config.data.path, only)
    refuse_other_policy(config.data, dataset.manifest, file or f"the configuration {config.name!r}")
    return dataset


def check_configured(config: RunConfig | SweepConfig, root: Path, file: Path) -> None:
    """The same check before anything starts, if the data set is here already. Raises ConfigError."""
    try:
        manifest = read_manifest(root / config.data.path)
    except DataError:
        return  # the run's first step says what is wrong with it; it may even come to be there in between
    refuse_other_policy(config.data, manifest, file)


def known_size(config: DataConfig, root: Path) -> tuple[int, int] | None:
    """Height and width of a run's images: as its configuration says, or else as the data set has, if it is here."""
    if config.size:
        return config.size
    try:
        manifest = read_manifest(root / config.path)
    except DataError:
        return None  # as above
    return manifest.height, manifest.width


def refuse_other_policy(config: DataConfig, manifest: Manifest, where: Path | str) -> None:
    """Compare what a configuration says of the images with what the data set is.

    Args:
        config: The section ``data`` of a run's configuration; what it leaves open fits anything.
        manifest: Of the data set.
        where: What an error calls the configuration.

    Raises:
        ConfigError: Another size or policy; names the key, both values and the command to import with.
    """
    size = manifest.height, manifest.width
    wrong = []
    if config.size not in (None, size):
        wrong.append(("size", format_size(config.size or size), format_size(size)))
    if config.resize not in (None, manifest.resize):
        wrong.append(("resize", config.resize, manifest.resize))
    if wrong:
        told = "; ".join(
            f"parameters.config.data.{key}: says {says}, the data set in {config.path} was imported with {has}"
            for key, says, has in wrong
        )
        keys = " and ".join(f"{key} to {has}" for key, _, has in wrong)
        raise ConfigError(f"{where}: {told}", remedy=f"{_again(config, manifest)}; or set {keys} there")


def format_size(size: tuple[int, int]) -> str:
    """Height and width as ``--size`` takes them: ``32``, ``32x48``."""
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


def _again(config: DataConfig, manifest: Manifest) -> str:
    kind, _, origin = _DRAWN.sub("", manifest.source).partition(": ")
    kind = "cifar" if kind in ("CIFAR-10", "CIFAR-100") else kind
    source = f"{kind} {shlex.quote(origin)}" if kind in _NAMED else f"{kind} …" if kind in _OTHERS else "SOURCE …"
    size = format_size(config.size or (manifest.height, manifest.width))
    options = (
        f"--size {size} --resize {config.resize or manifest.resize} --target {shlex.quote(str(config.path))} --force"
    )
    return f"import it again: `podium data import {source} {options}`"

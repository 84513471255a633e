"""``dataset.json``: what a data set folder holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from podium.config.base import Frozen
from podium.contract import Channels


class SplitInfo(Frozen):
    """One split: counts and digests."""

    count: int = Field(ge=0)
    per_class: tuple[int, ...]
    """Number of images of each class, in label order."""
    images_sha256: str
    """Of the ``.npy`` file of the images."""
    labels_sha256: str


class Manifest(Frozen):
    """Schema version 1 of ``dataset.json``."""

    schema_version: Literal[1] = 1
    name: str
    class_names: tuple[str, ...] = Field(min_length=2)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    channels: Literal[3] = 3
    source: str
    """Where the images came from: a citation or the name of the imported file; never an absolute path."""
    licence: str
    mean: Channels
    """Per channel over the training split, on [0, 1]."""
    std: Channels
    splits: dict[str, SplitInfo]
    """``train``, ``validation`` and ``test``."""
    digest: str
    """SHA-256 over class names and the digests of all splits: the identity of the data version."""

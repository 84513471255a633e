"""``dataset.json``: what a data set folder holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, NonNegativeInt, model_validator

from podium.config.base import DEFAULT_RESIZE, Frozen, Resize
from podium.digest import digest_json

SPLITS: Final = ("train", "validation", "test")
_Unit = Annotated[float, Field(ge=0, le=1)]


class SplitInfo(Frozen):
    """One split: counts and digests."""

    count: int = Field(ge=0)
    per_class: tuple[NonNegativeInt, ...]
    """Number of images of each class, in label order."""
    images_sha256: str
    """Of the ``.npy`` file of the images."""
    labels_sha256: str
    items_sha256: str
    """Of ``SPLIT.items.tsv``."""


class Manifest(Frozen):
    """Schema version 2 of ``dataset.json``; consistent in itself (``Dataset.verify`` compares it with the files)."""

    schema_version: Literal[2] = 2
    name: str
    class_names: tuple[str, ...] = Field(min_length=2)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    channels: Literal[3] = 3
    resize: Resize = DEFAULT_RESIZE
    """How images of other sizes were brought to this one; prediction does the same, also where all had this one."""
    source: str
    """Where the images came from: a citation or the name of the imported file; never an absolute path."""
    licence: str
    mean: tuple[_Unit, _Unit, _Unit]
    """Per channel over the training split, on [0, 1]."""
    std: tuple[_Unit, _Unit, _Unit]
    splits: dict[str, SplitInfo]
    """``train``, ``validation`` and ``test``."""
    excluded: NonNegativeInt = 0
    """Images of the source that are not here; ``excluded.tsv`` says which, and why."""
    digest: str
    """SHA-256 over class names, resize policy and the digests of all splits: the identity of the data version."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Manifest:
        if problem := problem_with_names(self.class_names):
            raise ValueError(f"class_names: {problem}")
        if set(self.splits) != set(SPLITS):
            raise ValueError(f"splits: holds {', '.join(map(repr, self.splits)) or 'none'} instead of {SPLITS}")
        for split, info in self.splits.items():
            if len(info.per_class) != len(self.class_names):
                raise ValueError(
                    f"splits.{split}.per_class: {len(info.per_class)} counts for {len(self.class_names)} classes"
                )
            if sum(info.per_class) != info.count:
                raise ValueError(f"splits.{split}.per_class: adds up to {sum(info.per_class)}, count is {info.count}")
        return self


def content_digest(class_names: Sequence[str], resize: Resize, splits: Mapping[str, SplitInfo]) -> str:
    """SHA-256 over class names, resize policy and every split's file digests."""
    files = {name: [info.images_sha256, info.labels_sha256, info.items_sha256] for name, info in splits.items()}
    return digest_json({"class_names": list(class_names), "resize": resize, "splits": files})


def problem_with_names(names: Sequence[str]) -> str | None:
    """Say what is wrong with class names: fewer than two, an empty one, or one that stands twice; None if nothing."""
    if len(names) < 2:
        return f"{len(names)} {'class' if len(names) == 1 else 'classes'}; a classifier needs at least 2"
    seen: set[str] = set()
    for label, name in enumerate(names):
        if not name.strip():
            return f"the name of class {label} is empty"
        if name in seen:
            return f"{name!r} stands twice"
        seen.add(name)
    return None

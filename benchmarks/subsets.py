"""Few labelled images a class of an imported data set: some to train on, a tenth of them to validate with."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from podium.config import Frozen
from podium.data import Dataset, Split
from podium.data.manifest import SplitInfo
from podium.data.statistics import channel_statistics
from podium.digest import digest_json
from podium.errors import DataError

LABELLED: Final = ("train", "validation")
"""The splits that are drawn from, in this order; the test split stays as it is."""
VALIDATED: Final = 10
"""One in so many labelled images validates."""

Indices = NDArray[np.int64]


class Subset(Frozen):
    """A seed's own draw; a larger one of the same seed holds the smaller ones."""

    images: int = Field(ge=2)
    """Labelled images of each class, those that validate included."""
    seed: int = Field(ge=0)

    def indices(self, dataset: Dataset) -> dict[str, Indices]:
        """Of the images of ``train`` and ``validation``, ascending, in the two splits of ``dataset`` put together.

        Raises:
            DataError: A class has fewer images.
        """
        labels = np.concatenate([dataset[name].labels for name in LABELLED])
        parts: dict[str, list[Indices]] = {name: [] for name in LABELLED}
        validating = max(1, self.images // VALIDATED)
        for label, name in enumerate(dataset.manifest.class_names):
            (there,) = np.nonzero(labels == label)
            if len(there) < self.images:
                raise DataError(f"{dataset.path}: {len(there)} labelled images of {name!r}, not {self.images}")
            drawn = np.random.default_rng([self.seed, label]).permutation(there)[: self.images]
            parts["validation"].append(drawn[:validating])
            parts["train"].append(drawn[validating:])
        return {name: np.sort(np.concatenate(part)) for name, part in parts.items()}

    def digest(self, dataset: Dataset) -> str:
        """What stands for the digest of a data set: it follows from the images that are drawn, not from how."""
        drawn = {name: indices.tolist() for name, indices in self.indices(dataset).items()}
        return digest_json([dataset.manifest.digest, drawn])

    def of(self, dataset: Dataset) -> Dataset:
        """Its images in memory, with the mean and standard deviation of those that are trained on; the test split."""
        splits = dict(dataset.splits)
        before = len(dataset[LABELLED[0]])
        for name, indices in self.indices(dataset).items():
            parts = [
                (dataset[LABELLED[0]], indices[indices < before]),
                (dataset[LABELLED[1]], indices[indices >= before] - before),
            ]
            splits[name] = Split(
                np.concatenate([split.images[chosen] for split, chosen in parts]),
                np.concatenate([split.labels[chosen] for split, chosen in parts]),
            )
        mean, std = channel_statistics(splits["train"].images)
        digest = self.digest(dataset)
        classes = len(dataset.manifest.class_names)
        infos = {**dataset.manifest.splits, **{name: _info(splits[name], classes, digest) for name in LABELLED}}
        manifest = dataset.manifest.model_copy(
            update={"mean": mean, "std": std, "splits": infos, "digest": digest},
        )
        return Dataset(dataset.path, manifest, splits)


def _info(split: Split, classes: int, digest: str) -> SplitInfo:
    """There are no files of a subset: the digest of the draw stands for theirs."""
    counts = tuple(int(count) for count in np.bincount(split.labels, minlength=classes))
    return SplitInfo(
        count=len(split), per_class=counts, images_sha256=digest, labels_sha256=digest, items_sha256=digest
    )

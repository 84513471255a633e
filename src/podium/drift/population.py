"""Images to be compared, before any is decoded: a data set's splits, or rows of a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from podium.data import SPLITS, Dataset
from podium.data.importing.listing import Part, Row
from podium.data.items import names

SplitChoice = Literal["held-out", "all", "train", "validation", "test"]

_CHOICES: Final[dict[SplitChoice, tuple[str, ...]]] = {
    "held-out": ("validation", "test"),
    "all": tuple(SPLITS),
    "train": ("train",),
    "validation": ("validation",),
    "test": ("test",),
}
_BATCH: Final = 256


class Population(Protocol):
    """Images with a name each, in an order that is the same every time."""

    @property
    def title(self) -> str:
        """As it was given on the command line."""
        ...

    @property
    def digest(self) -> str | None:
        """Of a data set."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """Of a data set that are used."""
        ...

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """None: there are no labels."""
        ...

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """int64, one an image, indices into the class names; None: there are none."""
        ...

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width if all images have the same, known without decoding."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the report: how labels were found, or why there are none."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[str, Row]]:
        """Yield name and content of some images; the indices ascend."""
        ...


@dataclass(frozen=True)
class DatasetPopulation:
    """Some splits of a data set."""

    title: str
    dataset: Dataset
    splits: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of the whole data set."""
        return self.dataset.manifest.digest

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the manifest."""
        return self.dataset.manifest.class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of the splits, one after the other."""
        return np.concatenate([np.asarray(self.dataset[split].labels) for split in self.splits])

    @property
    def size(self) -> tuple[int, int]:
        """Of all images of the store."""
        return self.dataset.manifest.height, self.dataset.manifest.width

    def __len__(self) -> int:
        return sum(len(self.dataset[split]) for split in self.splits)

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[str, Row]]:
        """Yield arrays, named as the data set names them."""
        start = 0
        for split in self.splits:
            images = self.dataset[split].images
            own = indices[(indices >= start) & (indices < start + len(images))] - start
            for index, name in zip(own, names(self.dataset, split, own), strict=True):
                yield name, np.array(images[index])
            start += len(images)


@dataclass(frozen=True)
class ListedPopulation:
    """All rows of a source's parts."""

    title: str
    parts: tuple[Part, ...]
    class_names: tuple[str, ...] | None
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    digest: None = None
    splits: tuple[str, ...] = ()

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Of all parts, if they have any."""
        return None if self.class_names is None else np.concatenate([part.labels for part in self.parts])

    def __len__(self) -> int:
        return sum(len(part.labels) for part in self.parts)

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[str, Row]]:
        """Yield contents. Rows that are not asked for are passed over, from the first wanted one of a part on."""
        start = 0
        for part in self.parts:
            wanted = (indices[(indices >= start) & (indices < start + len(part.labels))] - start).tolist()
            start += len(part.labels)
            if not wanted:
                continue
            row, left = wanted[0], set(wanted)
            for batch in part.rows(row, _BATCH):
                for content in batch:
                    if row in left:
                        left.discard(row)
                        yield part.name(row), content
                    row += 1
                if not left:
                    break


def dataset_population(title: str, dataset: Dataset, choice: SplitChoice) -> DatasetPopulation:
    """Choose splits of a data set: by default the two that no model was trained on."""
    return DatasetPopulation(title, dataset, _CHOICES[choice])

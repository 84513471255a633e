"""Images to be compared, before any is decoded: a data set's splits, image files, or rows of parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from podium.data import SPLITS, Dataset
from podium.data.importing.listing import Listing, Part, Row
from podium.data.sources.files import FilesPart, printable
from podium.data.sources.folder import SUFFIXES
from podium.errors import DataError

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
        """Yield arrays, named by split and index."""
        start = 0
        for split in self.splits:
            images = self.dataset[split].images
            for index in indices[(indices >= start) & (indices < start + len(images))] - start:
                yield f"{split} {index}", np.array(images[index])
            start += len(images)


@dataclass(frozen=True)
class FilesPopulation:
    """Image files below a folder, without labels."""

    title: str
    root: Path
    names: Sequence[str]
    digest: None = None
    splits: tuple[str, ...] = ()
    class_names: None = None
    labels: None = None
    size: None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[str, Row]]:
        """Yield contents; only the files that are asked for are opened."""
        wanted = [self.names[i] for i in indices]
        part = FilesPart(self.root, wanted, np.zeros(len(wanted), np.int64))
        rows = (row for batch in part.rows(0, _BATCH) for row in batch)
        yield from zip(map(printable, wanted), rows, strict=True)


@dataclass(frozen=True)
class ListedPopulation:
    """All rows of a source's listing."""

    title: str
    listing: Listing
    digest: None = None
    splits: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Of all splits, in order."""
        return tuple(part for group in self.listing.parts.values() for part in group)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the listing."""
        return self.listing.class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of all parts."""
        return np.concatenate([part.labels for part in self.parts])

    @property
    def size(self) -> tuple[int, int] | None:
        """Where the source's format fixes it."""
        return self.listing.size

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


def files_population(title: str, root: Path) -> FilesPopulation:
    """All image files below a folder, by the suffixes of their names; hidden ones and linked folders are left out.

    Raises:
        DataError: There is none.
    """
    names = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                names.append(os.path.relpath(os.path.join(folder, name), root))
    if not names:
        raise DataError(
            f"{printable(str(root))}: no images there",
            remedy="name a data set, a folder with image files, or a parquet file",
        )
    return FilesPopulation(title, root, names)

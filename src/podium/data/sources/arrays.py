"""Arrays of NumPy: an ``.npz`` of images and labels, or an ``.npy`` file of each."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.importing.listing import Ignored, Listing, Part, Row
from podium.data.sources.array_files import ArrayFile, npy_file, npz_files
from podium.data.sources.array_images import check_images
from podium.data.sources.files import printable
from podium.data.sources.labels import number_integers, number_labels
from podium.errors import DataError
from podium.results import SplitName

_IMAGES: Final = ("images", "image", "x", "data", "arr_0")
_LABELS: Final = ("labels", "label", "y", "targets", "arr_1")
_SHOWN: Final = 12
_SPLITS: Final[Mapping[SplitName, Sequence[str]]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "val"),
    "test": ("test",),
}


@dataclass(frozen=True)
class ArrayPart:
    """Images of one array: uint8, N×H×W×3, or N×H×W(×1) gray."""

    images: ArrayFile
    labels: NDArray[np.int64]
    label_file: Path
    groups: None = None

    @property
    def files(self) -> Sequence[Path]:
        """The file of the images and that of the labels."""
        return tuple(dict.fromkeys((self.images.file, self.label_file)))

    def name(self, row: int) -> str:
        """File (and array) and position."""
        return f"{self.images.label}#{row}"

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield uint8 H×W×3 arrays from ``start``, ``batch`` at a time."""
        for block in self.images.blocks(start, batch):
            channels = block if block.ndim == 4 else block[..., None]
            yield list(np.broadcast_to(channels, (*block.shape[:3], 3)))


def list_arrays(
    files: Mapping[SplitName, tuple[Path, Path | None]], *, class_names: Sequence[str] | None = None
) -> Listing:
    """List the images of arrays; nothing is unpickled, the arrays are never held as a whole.

    An ``.npz`` holds ``images`` and ``labels`` (also ``x``/``y``), or these of each split as Keras and MedMNIST name
    them (``x_train``, ``train_images``, …); an ``.npy`` of images comes with one of labels. Labels are whole
    numbers, or names.

    Args:
        files: For each split its images, and its labels unless they lie in the same ``.npz``; ``train`` at least.
        class_names: In label order; numbers, or the sorted distinct labels, unless given.

    Raises:
        DataError: A file cannot be read; an array is of objects, floating-point numbers, another shape or layout, or
            damaged; images and labels differ in number; a label is no class.
    """
    ignored: list[Ignored] = []
    found: dict[SplitName, tuple[ArrayFile, ArrayFile]] = {}
    for split, (images, labels) in files.items():
        for name, pair in _find(split, images, labels, ignored).items():
            if name in found:
                raise DataError(f"{images}: the {name} split is given twice", remedy="give each split once")
            found[name] = pair
    if "train" not in found:
        raise DataError("no arrays for the train split", remedy="give images and labels of train")
    sizes = set()
    for images_of, labels_of in found.values():
        sizes.add(check_images(images_of))
        _check_labels(labels_of, images_of)
    if len(sizes) > 1:
        raise DataError(
            f"{found['train'][0].label}: the splits' images have different sizes: {sorted(sizes)}",
            remedy="bring all arrays to one size",
        )
    values, names = _labels([labels_of for _, labels_of in found.values()], class_names)
    parts: dict[SplitName, Sequence[Part]] = {
        split: [ArrayPart(images_of, values[i], labels_of.file)]
        for i, (split, (images_of, labels_of)) in enumerate(found.items())
    }
    origin = ", ".join(dict.fromkeys(printable(images_of.file.name) for images_of, _ in found.values()))
    return Listing(names, parts, f"arrays: {origin}", tuple(ignored), sizes.pop())


def _find(
    split: SplitName, images: Path, labels: Path | None, ignored: list[Ignored]
) -> dict[SplitName, tuple[ArrayFile, ArrayFile]]:
    if labels is not None:
        pair = []
        for file, names in ((images, _IMAGES), (labels, _LABELS)):
            if zipfile.is_zipfile(file):
                pair.append(_choose(file, npz_files(file), names))
            else:
                pair.append(npy_file(file))
        return {split: (pair[0], pair[1])}
    if not zipfile.is_zipfile(images):
        npy_file(images)  # says what is wrong with the file itself
        raise DataError(f"{images}: no labels", remedy="name the .npy file of the labels with --labels")
    arrays = npz_files(images)
    result = {}
    for name, aliases in _SPLITS.items():
        pairs = [
            (arrays[image], arrays[label])
            for alias in aliases
            for image in _spelled(alias, _IMAGES)
            for label in _spelled(alias, _LABELS)
            if image in arrays and label in arrays
        ]
        if pairs:
            result[name] = pairs[0]
    if not result:
        result[split] = (_choose(images, arrays, _IMAGES), _choose(images, arrays, _LABELS))
    elif split != "train":
        raise DataError(f"{images}: holds splits of its own", remedy="name it alone, for train")
    used = {id(array) for pair in result.values() for array in pair}
    ignored.extend(Ignored(array.label, "not used") for array in arrays.values() if id(array) not in used)
    return result


def _spelled(split: str, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{name}_{split}"
        yield f"{split}_{name}"


def _choose(file: Path, arrays: Mapping[str, ArrayFile], names: Sequence[str]) -> ArrayFile:
    for name in names:
        if name in arrays:
            return arrays[name]
    held = [printable(name) for name in arrays]
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    raise DataError(
        f"{file}: no array {names[0]!r} (or {', '.join(map(repr, names[1:]))}); it holds"
        f" {', '.join(map(repr, held[:_SHOWN])) or 'no array'}{more}",
        remedy="save with np.savez(file, images=…, labels=…), or with arrays of each split: train_images=…,"
        " train_labels=…, test_images=…, test_labels=…",
    )


def _check_labels(labels: ArrayFile, images: ArrayFile) -> None:
    shape = labels.shape[:1] if len(labels.shape) == 2 and labels.shape[1] == 1 else labels.shape
    count = images.shape[0]
    if len(shape) == 2 and shape[0] == count:
        raise DataError(
            f"{labels.label}: labels of shape {labels.shape}",
            remedy="turn one-hot rows into numbers with argmax(axis=1)",
        )
    if shape != (count,):
        raise DataError(
            f"{labels.label}: labels of shape {labels.shape} for {count} images", remedy="give one label an image"
        )
    if labels.dtype.kind not in "iubU" or labels.dtype.itemsize > 4096:
        raise DataError(
            f"{labels.label}: labels of type {labels.dtype}", remedy="save whole numbers (int64) or names (str)"
        )


def _labels(
    arrays: Sequence[ArrayFile], class_names: Sequence[str] | None
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    values = [array.read().reshape(-1) for array in arrays]
    ends = np.cumsum([len(value) for value in values])

    def at(row: int) -> str:
        i = int(np.searchsorted(ends, row, side="right"))
        return f"{arrays[i].label}: position {row - (int(ends[i - 1]) if i else 0)}"

    whole = np.concatenate(values)
    if whole.dtype.kind == "U":
        numbers, names = number_labels(whole.tolist(), at, class_names)
    else:
        if whole.dtype.kind == "u" and whole.size and int(whole.max()) > np.iinfo(np.int64).max:
            whole = np.minimum(whole, np.uint64(np.iinfo(np.int64).max))
        numbers, names = number_integers(whole.astype(np.int64), at, class_names)
    return np.split(numbers, ends[:-1]), names

"""The data set folder: two memory-mappable files a split, and ``dataset.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from podium import atomic
from podium.data.manifest import SPLITS, Manifest, SplitInfo, problem_with_names
from podium.data.statistics import channel_statistics
from podium.digest import digest_file, digest_json
from podium.errors import DataError

_AGAIN: Final = "import the data set again, or restore it with `dvc checkout --force data.dvc`"


@dataclass(frozen=True)
class Split:
    """Images (uint8, N×H×W×3) and labels (int64, N) of one split; memory-mapped, read-only."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """An opened data set. ``splits`` holds ``train``, ``validation`` and ``test``."""

    path: Path
    manifest: Manifest
    splits: Mapping[str, Split]

    def __getitem__(self, split: str) -> Split:
        return self.splits[split]

    def verify(self) -> None:
        """Read every byte and compare with the manifest: files, digest, counts, mean and standard deviation.

        Raises:
            DataError: Something differs; the first such file or key of ``dataset.json`` is named.
        """
        for name, info in self.manifest.splits.items():
            for kind, recorded in (("images", info.images_sha256), ("labels", info.labels_sha256)):
                file = self.path / f"{name}.{kind}.npy"
                try:
                    found = digest_file(file)
                except OSError as error:
                    raise DataError(f"{file}: {error.strerror}", remedy=_AGAIN) from None
                if found != recorded:
                    raise DataError(f"{file}: its content is not what dataset.json records", remedy=_AGAIN)
        self._verify_manifest()

    def _verify_manifest(self) -> None:
        """Compare what ``dataset.json`` says with what follows from the files, whose digests are right."""
        manifest, file = self.manifest, self.path / "dataset.json"
        if content_digest(manifest.class_names, manifest.splits) != manifest.digest:
            raise DataError(
                f"{file}: digest: {manifest.digest[:12]}… is not that of its class names and file digests;"
                " one of them was changed",
                remedy=_AGAIN,
            )
        for name, info in manifest.splits.items():
            labels = self[name].labels
            _check(name, self[name].images, labels, classes=len(manifest.class_names))
            per_class = tuple(np.bincount(labels, minlength=len(manifest.class_names)).tolist())
            if (len(labels), per_class) != (info.count, info.per_class):
                raise DataError(
                    f"{file}: splits.{name}: says {info.count} images, {list(info.per_class)} of each class;"
                    f" the labels are {len(labels)}, {list(per_class)}",
                    remedy=_AGAIN,
                )
        for key, recorded, found in zip(
            ("mean", "std"),
            (manifest.mean, manifest.std),
            channel_statistics(self["train"].images),
            strict=True,
        ):
            if not np.allclose(recorded, found, rtol=0, atol=1e-7):
                raise DataError(
                    f"{file}: {key}: says {list(recorded)}, that of the train images is {list(found)}", remedy=_AGAIN
                )


def open_dataset(path: Path) -> Dataset:
    """Open a data set folder by memory mapping; costs milliseconds whatever the size.

    Raises:
        DataError: ``path`` is no data set, or a file is missing, cut short or of another shape than recorded.
    """
    manifest = read_manifest(path)
    splits = {name: _open_split(path, name, info, manifest) for name, info in manifest.splits.items()}
    return Dataset(path, manifest, splits)


def read_manifest(path: Path) -> Manifest:
    """Read ``dataset.json`` of a data set folder. Raises DataError if it is missing or malformed."""
    file = path / "dataset.json"
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{path}: no data set here (dataset.json is missing)",
            remedy="import one with `podium data import digits`, or fetch the recorded one with `dvc pull`",
        ) from None
    except NotADirectoryError:
        raise DataError(
            f"{path}: not a data set but a file", remedy="name the folder of a data set, the one with dataset.json"
        ) from None
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror})", remedy="make it a readable file, or name another data set"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{key}." for key in first["loc"]).rstrip(".")
        message = first["msg"].removeprefix("Value error, ")
        raise DataError(
            f"{file}: {where}: {message}" if where else f"{file}: {message}",
            remedy="import the data set again with `podium data import`, or restore it with `dvc checkout`",
        ) from None


def write_dataset(
    path: Path,
    splits: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.int64]]],
    *,
    name: str,
    class_names: Sequence[str],
    source: str,
    licence: str,
) -> Manifest:
    """Write a data set atomically: ``path`` is replaced as a whole, or not at all.

    Args:
        path: Folder to write; an existing one is replaced.
        splits: For each of ``SPLITS``, images (uint8, N×H×W×3) and labels (int64, N).
        name: Short name of the data set.
        class_names: In label order.
        source: Citation or origin.
        licence: SPDX identifier or a sentence.

    Raises:
        DataError: A split is missing or empty, a shape or dtype is wrong, a label has no class name, or the class
            names are fewer than two or not distinct.
    """
    if problem := problem_with_names(class_names):
        raise DataError(f"{name}: class names: {problem}", remedy="give at least two distinct class names")
    for split in SPLITS:
        if split not in splits:
            raise DataError(f"{name}: the {split} split is missing", remedy=f"provide images for {split}")
        _check(split, *splits[split], classes=len(class_names))
    height, width = splits["train"][0].shape[1:3]
    with atomic.new_directory(path) as folder:
        infos = {}
        for split in SPLITS:
            images, labels = splits[split]
            if images.shape[1:3] != (height, width):
                raise DataError(
                    f"{split}: images are {images.shape[1:3]}, those of train {(height, width)}",
                    remedy="resize all images to one size",
                )
            np.save(folder / f"{split}.images.npy", images, allow_pickle=False)
            np.save(folder / f"{split}.labels.npy", labels, allow_pickle=False)
            infos[split] = SplitInfo(
                count=len(labels),
                per_class=tuple(np.bincount(labels, minlength=len(class_names)).tolist()),
                images_sha256=digest_file(folder / f"{split}.images.npy"),
                labels_sha256=digest_file(folder / f"{split}.labels.npy"),
            )
        mean, std = channel_statistics(splits["train"][0])
        manifest = Manifest(
            name=name,
            class_names=tuple(class_names),
            height=height,
            width=width,
            source=source,
            licence=licence,
            mean=mean,
            std=std,
            splits=infos,
            digest=content_digest(class_names, infos),
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        atomic.write_text(folder / "dataset.json", text)
    return manifest


def content_digest(class_names: Sequence[str], splits: Mapping[str, SplitInfo]) -> str:
    """SHA-256 over class names and every split's file digests."""
    files = {name: [info.images_sha256, info.labels_sha256] for name, info in splits.items()}
    return digest_json({"class_names": list(class_names), "splits": files})


def _check(split: str, images: NDArray[np.uint8], labels: NDArray[np.int64], *, classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise DataError(
            f"{split}: images are {images.dtype} of shape {images.shape}", remedy="give uint8 of shape N×H×W×3"
        )
    if labels.dtype != np.int64 or labels.shape != (len(images),):
        raise DataError(
            f"{split}: labels are {labels.dtype} of shape {labels.shape} for {len(images)} images",
            remedy="give one int64 label an image",
        )
    if len(images) == 0:
        raise DataError(f"{split}: no images", remedy="import a source that has images for every split")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{split}: label {labels[wrong[0]]} of image {wrong[0]} is out of range; {classes} classes are named"
            f" ({wrong.size} such labels)",
            remedy="correct the labels or name every class",
        )


def _open_split(path: Path, name: str, info: SplitInfo, manifest: Manifest) -> Split:
    shape = (info.count, manifest.height, manifest.width, 3)
    images = _open_array(path / f"{name}.images.npy", np.dtype(np.uint8), shape)
    labels = _open_array(path / f"{name}.labels.npy", np.dtype(np.int64), shape[:1])
    return Split(images, labels)


def _open_array(file: Path, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file}: cannot be read as an array ({error})", remedy=_AGAIN) from None
    if array.dtype != dtype or array.shape != shape:
        raise DataError(
            f"{file}: holds {array.dtype} of shape {array.shape}, dataset.json says {dtype} of {shape}",
            remedy=_AGAIN,
        )
    return array

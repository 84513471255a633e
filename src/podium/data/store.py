"""The data set folder: images and labels of each split, memory-mapped; their originals' data; ``dataset.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from podium.data.items import Items, read_items
from podium.data.manifest import SPLITS, Manifest, SplitInfo, content_digest
from podium.data.statistics import ChannelSums, channel_statistics
from podium.data.writing import check_images, check_labels, write_dataset
from podium.digest import digest_file
from podium.errors import DataError

__all__ = ["SPLITS", "Dataset", "Split", "channel_statistics", "open_dataset", "read_manifest", "write_dataset"]

_BLOCK_BYTES: Final = 8 * 1024 * 1024
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
    """An opened data set. ``splits`` holds ``train``, ``validation`` and ``test``, or some of them."""

    path: Path
    manifest: Manifest
    splits: Mapping[str, Split]

    def __getitem__(self, split: str) -> Split:
        return self.splits[split]

    def items(self, split: str) -> Items:
        """Read what is known of the original files of a split's images, in their order; DataError if that cannot be."""
        return read_items(self.path / f"{split}.items.tsv", self.manifest.splits[split].count)

    def verify(self) -> None:
        """Read every byte of the opened splits once and compare with the manifest.

        Files, digest, counts, mean and standard deviation.

        Raises:
            DataError: Something differs; the first such file or key of ``dataset.json`` is named.
        """
        sums = ChannelSums()
        for name in self.splits:
            info = self.manifest.splits[name]
            for kind, recorded in (
                ("images.npy", info.images_sha256),
                ("labels.npy", info.labels_sha256),
                ("items.tsv", info.items_sha256),
            ):
                file = self.path / f"{name}.{kind}"
                counted = sums if (name, kind) == ("train", "images.npy") else None
                try:
                    found = digest_file(file) if counted is None else _digest_and_count(file, self[name].images, sums)
                except OSError as error:
                    raise DataError(f"{file}: {error.strerror}", remedy=_AGAIN) from None
                if found != recorded:
                    raise DataError(f"{file}: its content is not what dataset.json records", remedy=_AGAIN)
        self._verify_manifest(sums)

    def _verify_manifest(self, sums: ChannelSums) -> None:
        """Compare what ``dataset.json`` says with what follows from the files, whose digests are right."""
        manifest, file = self.manifest, self.path / "dataset.json"
        if content_digest(manifest.class_names, manifest.resize, manifest.splits) != manifest.digest:
            raise DataError(
                f"{file}: digest: {manifest.digest[:12]}… is not that of its class names and file digests;"
                " one of them was changed",
                remedy=_AGAIN,
            )
        for name in self.splits:
            info = manifest.splits[name]
            labels = self[name].labels
            check_images(name, self[name].images)
            check_labels(name, labels, classes=len(manifest.class_names))
            per_class = tuple(np.bincount(labels, minlength=len(manifest.class_names)).tolist())
            if (len(labels), per_class) != (info.count, info.per_class):
                raise DataError(
                    f"{file}: splits.{name}: says {info.count} images, {list(info.per_class)} of each class;"
                    f" the labels are {len(labels)}, {list(per_class)}",
                    remedy=_AGAIN,
                )
        recorded = (("mean", manifest.mean), ("std", manifest.std))
        for (key, says), found in zip(recorded, sums.result(), strict=True):
            if not np.allclose(says, found, rtol=0, atol=1e-7):
                raise DataError(
                    f"{file}: {key}: says {list(says)}, that of the train images is {list(found)}", remedy=_AGAIN
                )
        if manifest.excluded != (listed := _lines(self.path / "excluded.tsv")):
            raise DataError(f"{file}: excluded: says {manifest.excluded}, excluded.tsv lists {listed}", remedy=_AGAIN)


def _digest_and_count(file: Path, images: NDArray[np.uint8], sums: ChannelSums) -> str:
    """Return a ``.npy`` file's SHA-256 and add up its pixels, in one pass that maps nothing into memory."""
    digest = hashlib.sha256()
    row = int(np.prod(images.shape[1:]))
    with file.open("rb") as stream:
        digest.update(stream.read(file.stat().st_size - len(images) * row))
        while block := stream.read(max(1, _BLOCK_BYTES // row) * row):
            digest.update(block)
            sums.add(np.frombuffer(block, np.uint8).reshape(-1, 3))
    return digest.hexdigest()


def _lines(file: Path) -> int:
    """Lines below the header; 0 where there is no such file."""
    try:
        with file.open("rb") as stream:
            return max(0, sum(1 for _ in stream) - 1)
    except FileNotFoundError:
        return 0


def open_dataset(path: Path, only: Collection[str] = SPLITS) -> Dataset:
    """Open a data set folder by memory mapping; costs milliseconds whatever the size.

    Args:
        path: The folder.
        only: Splits to open, ``train`` among them; the files of the others are not looked at.

    Raises:
        DataError: ``path`` is no data set, was written in another schema version, or a file is missing, cut short or of
            another shape than recorded.
    """
    manifest = read_manifest(path)
    infos = {name: info for name, info in manifest.splits.items() if name in only}
    splits = {name: _open_split(path, name, info, manifest) for name, info in infos.items()}
    return Dataset(path, manifest, splits)


def read_manifest(path: Path) -> Manifest:
    """Read ``dataset.json`` of a data set folder. Raises DataError if it is missing or malformed."""
    file = path / "dataset.json"
    try:
        content = file.read_bytes()
        return Manifest.model_validate_json(content)
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
        if (version := _version(content)) != Manifest.model_fields["schema_version"].default:
            raise DataError(
                f"{file}: schema version {version}, of another release of Podium; this one reads version 2",
                remedy="import the data set again, with `podium data import SOURCE --force`",
            ) from None
        first = error.errors()[0]
        where = "".join(f"{key}." for key in first["loc"]).rstrip(".")
        message = first["msg"].removeprefix("Value error, ")
        raise DataError(
            f"{file}: {where}: {message}" if where else f"{file}: {message}",
            remedy="import the data set again with `podium data import`, or restore it with `dvc checkout`",
        ) from None


def _version(content: bytes) -> object:
    """The schema version that a manifest names; 2 where it names none, so that what is wrong with it is told."""
    try:
        return json.loads(content).get("schema_version", 2)
    except (ValueError, AttributeError):
        return 2


def _open_split(path: Path, name: str, info: SplitInfo, manifest: Manifest) -> Split:
    shape = (info.count, manifest.height, manifest.width, 3)
    images = _open_array(path / f"{name}.images.npy", np.dtype(np.uint8), shape)
    labels = _open_array(path / f"{name}.labels.npy", np.dtype(np.int64), shape[:1])
    if not (path / f"{name}.items.tsv").is_file():
        raise DataError(f"{path / f'{name}.items.tsv'}: no such file", remedy=_AGAIN)
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

"""Write a data set folder: every split in one pass over its images, block by block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium import atomic
from podium.config.base import DEFAULT_RESIZE, Resize
from podium.data.items import HEADER, Items, default_items, escape, format_items
from podium.data.manifest import SPLITS, Manifest, SplitInfo, content_digest, problem_with_names
from podium.data.statistics import ChannelSums
from podium.digest import digest_file
from podium.errors import DataError

_BLOCK_BYTES: Final = 8 * 1024 * 1024
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Streamed:
    """A split whose images come in blocks, so that they never need to be in memory at once."""

    labels: NDArray[np.int64]
    """int64, N."""
    size: tuple[int, int]
    """Height and width."""
    blocks: Callable[[], Iterator[tuple[NDArray[np.uint8], Items]]]
    """Gives the images in order (uint8, n×H×W×3) with what is known of them."""


@dataclass(frozen=True)
class Excluded:
    """An image that an import was told to leave out."""

    split: str
    name: str
    reason: str


def write_dataset(
    path: Path,
    splits: Mapping[str, Arrays | Streamed],
    *,
    name: str,
    class_names: Sequence[str],
    source: str,
    licence: str,
    items: Mapping[str, Items] | None = None,
    excluded: Sequence[Excluded] = (),
    resize: Resize = DEFAULT_RESIZE,
) -> Manifest:
    """Write a data set atomically: ``path`` is replaced as a whole, or not at all.

    Args:
        path: Folder to write; an existing one is replaced.
        splits: For each of ``SPLITS``, images (uint8, N×H×W×3) and labels (int64, N), or what yields them in blocks.
        name: Short name of the data set.
        class_names: In label order.
        source: Citation or origin.
        licence: SPDX identifier or a sentence.
        items: What is known of the images that come as arrays; ``SPLIT/INDEX`` with the images' own size unless given.
        excluded: Images of the source that are not in the data set.
        resize: How images of other sizes were brought to this one.

    Raises:
        DataError: A split is missing or empty, a shape or dtype is wrong, a label has no class name, or the class
            names are fewer than two or not distinct.
    """
    if problem := problem_with_names(class_names):
        raise DataError(f"{name}: class names: {problem}", remedy="give at least two distinct class names")
    streams = {}
    for split in SPLITS:
        if split not in splits:
            raise DataError(f"{name}: the {split} split is missing", remedy=f"provide images for {split}")
        given = splits[split]
        if not isinstance(given, Streamed):
            check_images(split, given[0])
            given = _of_arrays(split, *given, (items or {}).get(split))
        check_labels(split, given.labels, classes=len(class_names))
        streams[split] = given
    height, width = streams["train"].size
    with atomic.new_directory(path) as folder:
        infos, sums = {}, ChannelSums()
        for split, stream in streams.items():
            if stream.size != (height, width):
                raise DataError(
                    f"{split}: images are {stream.size}, those of train {(height, width)}",
                    remedy="resize all images to one size",
                )
            infos[split] = _write_split(folder, split, stream, len(class_names), sums if split == "train" else None)
        mean, std = sums.result()
        if excluded:
            _write_excluded(folder / "excluded.tsv", excluded)
        manifest = Manifest(
            name=name,
            class_names=tuple(class_names),
            height=height,
            width=width,
            resize=resize,
            source=source,
            licence=licence,
            mean=mean,
            std=std,
            splits=infos,
            excluded=len(excluded),
            digest=content_digest(class_names, resize, infos),
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        atomic.write_text(folder / "dataset.json", text)
    return manifest


def _write_split(folder: Path, split: str, stream: Streamed, classes: int, sums: ChannelSums | None) -> SplitInfo:
    """Write the three files of a split in sequence (a full disk is then an OSError; through a memory map, a SIGBUS)."""
    labels, shape = stream.labels, (len(stream.labels), *stream.size, 3)
    images_sha, items_sha = hashlib.sha256(), hashlib.sha256(HEADER)
    with (folder / f"{split}.images.npy").open("w+b") as pixels, (folder / f"{split}.items.tsv").open("wb") as lines:
        np.lib.format.write_array_header_1_0(pixels, {"descr": "|u1", "fortran_order": False, "shape": shape})
        pixels.seek(0)
        images_sha.update(pixels.read())
        lines.write(HEADER)
        count = 0
        with ThreadPoolExecutor(1) as thread:
            for block, items in stream.blocks():
                content = np.ascontiguousarray(block)
                if len(items) != len(block) or content.dtype != np.uint8 or content.shape[1:] != shape[1:]:
                    raise ValueError(f"{split}: a block of {content.dtype} {content.shape} with {len(items)} items")
                written = thread.submit(pixels.write, content.data)  # as long as all that follows
                images_sha.update(content.data)
                text = format_items(items)
                lines.write(text)
                items_sha.update(text)
                if sums:
                    sums.add(content)
                count += len(block)
                written.result()
    if count != len(labels):
        raise ValueError(f"{split}: {count} images for {len(labels)} labels")
    np.save(folder / f"{split}.labels.npy", labels, allow_pickle=False)
    return SplitInfo(
        count=count,
        per_class=tuple(np.bincount(labels, minlength=classes).tolist()),
        images_sha256=images_sha.hexdigest(),
        labels_sha256=digest_file(folder / f"{split}.labels.npy"),
        items_sha256=items_sha.hexdigest(),
    )


def _of_arrays(split: str, images: NDArray[np.uint8], labels: NDArray[np.int64], items: Items | None) -> Streamed:
    size = images.shape[1], images.shape[2]
    step = max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))
    for kind, count in (("labels", len(labels)), ("items", len(images) if items is None else len(items))):
        if count != len(images):
            raise DataError(
                f"{split}: {kind} are {count} for {len(images)} images",
                remedy=f"give one {'int64 label' if kind == 'labels' else 'item'} an image",
            )

    def blocks() -> Iterator[tuple[NDArray[np.uint8], Items]]:
        for start in range(0, len(images), step):
            block = images[start : start + step]
            known = default_items(split, start, len(block), size) if items is None else None
            yield block, known or items.slice(start, start + len(block))  # type: ignore[union-attr]

    return Streamed(labels, size, blocks)


def _write_excluded(file: Path, excluded: Sequence[Excluded]) -> None:
    with file.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        stream.write("split\tname\treason\n")
        stream.writelines(f"{one.split}\t{escape(one.name)}\t{escape(one.reason)}\n" for one in excluded)


def check_images(split: str, images: NDArray[np.uint8]) -> None:
    """Refuse what is not uint8 N×H×W×3 (DataError)."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise DataError(
            f"{split}: images are {images.dtype} of shape {images.shape}", remedy="give uint8 of shape N×H×W×3"
        )


def check_labels(split: str, labels: NDArray[np.int64], *, classes: int) -> None:
    """Refuse what is not int64 N, with N > 0 and a class name for each (DataError)."""
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise DataError(
            f"{split}: labels are {labels.dtype} of shape {labels.shape}", remedy="give one int64 label an image"
        )
    if len(labels) == 0:
        raise DataError(f"{split}: no images", remedy="import a source that has images for every split")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{split}: label {labels[wrong[0]]} of image {wrong[0]} is out of range; {classes} classes are named"
            f" ({wrong.size} such labels)",
            remedy="correct the labels or name every class",
        )

"""Parquet files in the layout of the Hugging Face hub: encoded images in a struct column, and integer labels."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.images import Resize, decode_image, decode_native
from podium.data.manifest import Manifest
from podium.data.sources.division import divide
from podium.data.sources.hf_layout import ParquetSource, open_sources
from podium.data.sources.pool import Pool, fill
from podium.data.store import write_dataset
from podium.errors import DataError

if TYPE_CHECKING:
    from concurrent.futures import Executor

Progress = Callable[[int, int], None]
_BATCH: Final = 512
_CHUNK: Final = 16
_SMALL: Final = 8192
"""Mean bytes of encoded images below which threads only wait for each other: Pillow parses headers in Python."""


def import_parquet(
    target: Path,
    train: Sequence[Path],
    test: Sequence[Path] = (),
    validation: Sequence[Path] = (),
    *,
    name: str | None = None,
    licence: str = "unknown",
    class_names: Sequence[str] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    drop_duplicates: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write a data set from parquet files; a split that has no file is drawn from train, stratified.

    Identical images come into the same split where the split is drawn here. Images are decoded by all cores, in
    blocks: memory does not grow with the data set.

    Args:
        target: Folder of the data set; an existing one is replaced as a whole.
        train: Files of the training split, in order.
        test: Files of the test split; none draws ``test_fraction`` of train.
        validation: Files of the validation split; none draws ``validation_fraction`` of train.
        name: Name of the data set; the first file's stem unless given.
        licence: SPDX identifier or a sentence.
        class_names: In label order; read from the files' ``huggingface`` metadata unless given.
        image_column: Column of the encoded images; found unless given.
        label_column: Column of the integer labels; found unless given.
        validation_fraction: Share of train, between 0 and 1.
        test_fraction: Share of train, between 0 and 1.
        seed: Of the drawn splits.
        size: Height and width; the images' own one unless given, which then must be the same for all.
        resize: How images of another size are brought to ``size``.
        drop_duplicates: Remove images from train (and validation) that also stand in test (and validation).
        progress: Called with images done and images in all.

    Raises:
        DataError: A file, column, image or label is wrong; file and row are named.
        OSError: The disk is full, or the folder cannot be written.
    """
    sources, names = open_sources(
        {"train": train, "validation": validation, "test": test}, image_column, label_column, class_names
    )
    wanted = {"validation": validation_fraction, "test": test_fraction}
    shares = {split: share for split, share in wanted.items() if not sources[split]}
    total = sum(len(source.labels) for group in sources.values() for source in group)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.pool-") as folder:
        work = Path(folder)
        pools = _decode_all(sources, size, resize, work, advance)
        splits = divide(pools, shares, seed, drop_duplicates=drop_duplicates, work=work)
        return write_dataset(
            target,
            {split: (pool.images, pool.labels) for split, pool in splits.items()},
            name=name or train[0].stem,
            class_names=names,
            source=_describe(sources, shares, seed),
            licence=licence,
        )


def _decode_all(
    sources: Mapping[str, Sequence[ParquetSource]],
    size: tuple[int, int] | None,
    resize: Resize,
    work: Path,
    advance: Callable[[int], None],
) -> dict[str, Pool]:
    """Decode the files of each split that has any; all of one size."""
    height, width = size or _native_size(sources["train"][0])
    pools = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for split, group in sources.items():
            if group:
                labels = np.concatenate([source.labels for source in group])
                blocks = _blocks(group, (height, width), resize if size else None, threads)
                pools[split] = fill(work / f"{split}.npy", blocks, labels, (height, width), advance)
    return pools


def _describe(sources: Mapping[str, Sequence[ParquetSource]], shares: Mapping[str, float], seed: int) -> str:
    files = ", ".join(source.file.name for group in sources.values() for source in group)
    drawn = "".join(f"; {split}: {share:.0%} of train, seed {seed}" for split, share in shares.items())
    return f"parquet: {files}{drawn}"


def _native_size(source: ParquetSource) -> tuple[int, int]:
    row, contents = next(source.images(1))
    height, width, _ = decode_native(contents[0], name=source.at(row)).shape
    return height, width


def _blocks(
    sources: Sequence[ParquetSource], size: tuple[int, int], resize: Resize | None, threads: Executor
) -> Iterator[NDArray[np.uint8]]:
    """Decode all rows in order: uint8, n×H×W×3 each time."""
    for source in sources:
        for first, contents in source.images(_BATCH):
            block = np.empty((len(contents), *size, 3), np.uint8)
            names = [source.at(first + i) for i in range(len(contents))]
            step = _CHUNK if sum(map(len, contents)) > _SMALL * len(contents) else len(contents)
            jobs = [
                threads.submit(_decode, block[s : s + step], contents[s : s + step], names[s : s + step], resize)
                for s in range(0, len(contents), step)
            ]
            for job in jobs:
                job.result()
            yield block


def _decode(block: NDArray[np.uint8], contents: Sequence[bytes], names: Sequence[str], resize: Resize | None) -> None:
    """Decode images into ``block``; with no way to resize, all must have its size."""
    height, width = block.shape[1:3]
    for i, (content, name) in enumerate(zip(contents, names, strict=True)):
        if resize:
            block[i] = decode_image(content, height=height, width=width, resize=resize, name=name)
            continue
        image = decode_native(content, name=name)
        if image.shape[:2] != (height, width):
            raise DataError(
                f"{name}: {image.shape[0]}×{image.shape[1]} pixels, the first image of train {height}×{width}",
                remedy="bring all images to one size with --size",
            )
        block[i] = image

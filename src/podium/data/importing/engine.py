"""From a listing to a data set: decode on all cores, collect what is bad, divide, write; a killed import goes on."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from podium.data.ahead import one_ahead
from podium.data.duplicates import Groups, join_groups, number_digests
from podium.data.freed import give_back
from podium.data.importing.decoding import WrongSizeError, decode_rest, native_size
from podium.data.importing.division import divide
from podium.data.importing.identity import fingerprint
from podium.data.importing.listing import Listing, Part
from podium.data.importing.options import ImportOptions, Progress
from podium.data.importing.sizes import advise_size
from podium.data.importing.staging import Staging
from podium.data.items import Items, escape
from podium.data.manifest import Manifest
from podium.data.near import near_groups
from podium.data.rows import ChosenRows
from podium.data.splits import Indices
from podium.data.store import open_dataset
from podium.data.writing import Excluded, Streamed, write_dataset
from podium.errors import DataError
from podium.results import SplitName
from podium.wording import plural

_log = logging.getLogger(__name__)
_SPLITS: Final[tuple[SplitName, ...]] = get_args(SplitName)
_SHOWN: Final = 5


class BadImagesError(DataError):
    """Images cannot be decoded; the others are kept for the next import."""


def import_images(listing: Listing, options: ImportOptions, target: Path, progress: Progress | None = None) -> Manifest:
    """Import what a source lists.

    Decoded images are kept beside the target (``.NAME.work``) while it runs. The same import, started again after it
    was killed or refused for bad images, goes on there; "the same" means files, names and size of the images.

    Args:
        listing: What there is.
        options: What to do with it.
        target: Folder of the data set; an existing one is replaced as a whole.
        progress: Told how far it is.

    Raises:
        DataError: An image (unless they are skipped), a file or a label is wrong, or a split cannot be drawn.
        OSError: The disk is full, or the folder cannot be written.
    """
    work = target.parent / f".{target.name}.work"
    keep = False
    try:
        return _Import(listing, options, work, progress or (lambda phase, done, total: None)).run(target)
    except (BadImagesError, KeyboardInterrupt):
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


class _Import:
    def __init__(self, listing: Listing, options: ImportOptions, work: Path, progress: Progress) -> None:
        self.listing, self.options, self.work, self.progress = listing, options, work, progress
        self.splits = [split for split in _SPLITS if any(len(part.labels) > 0 for part in listing.parts.get(split, ()))]
        self.parts = [part for split in self.splits for part in listing.parts[split]]
        self.split_of = [split for split in self.splits for _ in listing.parts[split]]
        self.starts = np.cumsum([0, *(len(part.labels) for part in self.parts)])
        if "train" not in self.splits:
            raise DataError("no images for the train split", remedy="name files of the training split")

    def run(self, target: Path) -> Manifest:
        staging = self._decode()
        self.staging, self.rows = staging, staging.good_rows()
        if staging.bad and self.options.on_bad == "refuse":
            raise self._refusal()
        if staging.bad:
            _log.warning("%s left out: what cannot be decoded", plural(len(staging.bad), "image"))
        self._tell_dim()
        for split, images in self._given().items():
            if not len(images):
                raise DataError(f"{split}: no image of it can be decoded", remedy="give intact files for this split")
        self.written = 0
        wanted = {"validation": self.options.validation_fraction, "test": self.options.test_fraction}
        shares = {split: share for split, share in wanted.items() if split not in self.splits}
        identical = number_digests(staging.digests())
        give_back()
        splits = divide(
            self._given(),
            self._labels(np.int32),
            identical,
            shares,
            self.options.seed,
            drop_duplicates=self.options.duplicates == "drop",
            related=self._related,
        )
        del identical
        drawn = "".join(f"; {split}: {share:.0%} of train, seed {self.options.seed}" for split, share in shares.items())
        total = sum(map(len, splits.values()))
        labels = self._labels(np.int64)
        streams = {
            split: Streamed(labels[own], staging.size, self._blocks(own, total)) for split, own in splits.items()
        }
        del labels, splits
        give_back()
        manifest = write_dataset(
            target,
            streams,
            name=self.options.name,
            class_names=self.listing.class_names,
            source=self.listing.description + drawn,
            licence=self.options.licence,
            resize=self.options.resize,
            excluded=[Excluded(*self._split_and_name(row), reason) for row, reason in staging.bad],
        )
        open_dataset(target)
        return manifest

    def _tell_dim(self) -> None:
        """Warn of 16-bit images that come out nearly black; all are scaled alike, so that they stay comparable."""
        dim = self.staging.dim_rows().tolist()
        if dim:
            some = ", ".join(self._split_and_name(row)[1] for row in dim[:_SHOWN])
            _log.warning(
                "%s 16-bit values below 4,096 of 65,535 alone, and will be nearly black: %s%s; if a camera of 12 bits"
                " took them, multiply them all by 16, or convert them to 8 bits on one scale, and import them again",
                plural(len(dim), "image has", "images have"),
                some,
                ", …" if len(dim) > _SHOWN else "",
            )

    def _decode(self) -> Staging:
        rows, size = int(self.starts[-1]), self.options.size or self.listing.size
        key = fingerprint(self.parts, f"{size} {self.options.resize if self.options.size else None}")
        drawn = len(self.splits) < len(_SPLITS)
        staging = Staging.resume(self.work, key, rows, described=drawn)
        if staging is None:
            size = size or native_size(self.listing.parts["train"]) or (1, 1)  # without any image, all are bad
            staging = Staging.start(self.work, key, rows, size, described=drawn)
        resize = self.options.resize if self.options.size else None
        self.progress("decoding images", staging.done, rows)
        try:
            decode_rest(self.parts, staging, resize, lambda: self.progress("decoding images", staging.done, rows))
        except WrongSizeError as error:
            raise WrongSizeError(error.message, remedy=advise_size(self.parts)) from None
        give_back()
        return staging

    def _labels(self, dtype: type[np.integer]) -> NDArray[Any]:
        """Labels of the good images. They are divided as int32, to take less memory while duplicates are searched."""
        found = np.empty(int(self.starts[-1]), dtype)
        for part, start in zip(self.parts, self.starts.tolist(), strict=False):
            found[start : start + len(part.labels)] = part.labels
        return found if len(self.rows) == len(found) else found[self.rows]

    def _given(self) -> dict[str, Indices]:
        """Numbers of the good images of each split that has files."""
        bounds = np.cumsum([0, *(sum(len(part.labels) for part in self.listing.parts[s]) for s in self.splits)])
        edges = np.searchsorted(self.rows, bounds)
        return {split: np.arange(edges[i], edges[i + 1], dtype=np.int32) for i, split in enumerate(self.splits)}

    def _related(self, images: Indices) -> Groups:
        """Number images so that identical ones, near duplicates and those of one group have the same number."""
        descriptors = self.staging.descriptors
        if descriptors is None:
            raise ValueError("the images were not described while they were decoded")
        self.progress("comparing images", 0, len(images))
        # Identical images have equal descriptors: they are near duplicates, too.
        every = int(images[-1]) + 1 == len(images) == len(descriptors)  # as is usual; then no numbers need be held
        groups = near_groups(descriptors if every else ChosenRows(descriptors, images))
        del descriptors
        self.staging.descriptors = None  # gives the disk space back
        give_back()
        self.progress("comparing images", len(images), len(images))
        if all(part.groups is None for part in self.listing.parts["train"]):
            return groups
        numbers_of: dict[str, int] = {}
        given = -1 - np.arange(len(images))  # an image without a group is its own
        for place, number in enumerate(images.tolist()):
            part, row = self._at(int(self.rows[number]))
            if part.groups is not None and part.groups[row]:
                given[place] = numbers_of.setdefault(part.groups[row], len(numbers_of))
        return join_groups(groups, given)

    def _blocks(self, own: Indices, total: int) -> Callable[[], Iterator[tuple[NDArray[np.uint8], Items]]]:
        def blocks() -> Iterator[tuple[NDArray[np.uint8], Items]]:
            pairs = ((images, self._items(numbers)) for numbers, images in self.staging.blocks(own))
            for images, items in one_ahead(pairs):
                yield images, items
                self.written += len(images)
                self.progress("writing images", self.written, total)

        return blocks

    def _items(self, numbers: Indices) -> Items:
        rows = self.rows[numbers]
        records = self.staging.records(rows)
        kinds = [self.staging.kinds[kind] for kind in records["kind"].tolist()]
        places = (np.searchsorted(self.starts, rows, side="right") - 1).tolist()
        names: list[str] = []
        groups: list[str] = []
        for index, pairs in groupby(zip(places, rows.tolist(), strict=True), key=lambda pair: pair[0]):
            part, start = self.parts[index], int(self.starts[index])
            own = [row - start for _, row in pairs]
            names += map(part.name, own)
            groups += [""] * len(own) if part.groups is None else [part.groups[row] or "" for row in own]
        return Items(
            names, records["width"], records["height"], [mode for mode, _ in kinds], [kind for _, kind in kinds],
            records["orientation"], groups,
        )  # fmt: skip

    def _at(self, row: int) -> tuple[Part, int]:
        """The part of a row of the source, and its number there."""
        index = self._index(row)
        return self.parts[index], row - int(self.starts[index])

    def _index(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _split_and_name(self, row: int) -> tuple[str, str]:
        index = self._index(row)
        return self.split_of[index], self.parts[index].name(row - int(self.starts[index]))

    def _refusal(self) -> BadImagesError:
        bad, rows = self.staging.bad, int(self.starts[-1])
        names = [(*self._split_and_name(row), reason) for row, reason in bad]
        file = self.work / "refused.tsv"
        lines = ("\t".join(map(escape, line)) + "\n" for line in (("split", "name", "reason"), *names))
        file.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
        first = "; ".join(f"{name}: {reason}" for _, name, reason in names[:_SHOWN])
        more = f"; … all are listed in {file}" if len(bad) > _SHOWN else ""
        return BadImagesError(
            f"{len(bad):,} of {rows:,} images cannot be imported: {first}{more}",
            remedy="replace or remove them, or leave them out with --skip-bad (the other images are decoded already)",
        )

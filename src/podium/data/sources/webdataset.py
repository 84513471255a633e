"""WebDataset shards: tar archives in which the files of one sample share their name up to the first dot."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.images import MAX_BYTES
from podium.data.importing.listing import Ignored, Listing, Part, Row, Unreadable
from podium.data.sources.archive import Archive, Member, open_archive
from podium.data.sources.files import printable
from podium.data.sources.folder import SUFFIXES
from podium.data.sources.labels import number_labels
from podium.data.sources.shards import SHARDS
from podium.data.sources.split_files import expand, refuse_repetition
from podium.errors import DataError
from podium.results import SplitName

_MOST_LABEL: Final = 1024 * 1024
"""Bytes of a member that holds a label."""
_JSON_KEYS: Final = ("label", "cls", "class")


@dataclass(slots=True)
class _Sample:
    key: str
    image: Member | None = None
    label: str | None = None
    problem: str | None = None
    other: str | None = None
    """A member that would be the label, were its name not divided at the first dot."""

    def spoil(self, problem: str) -> None:
        """Note what is wrong; the first finding counts."""
        self.problem = self.problem or problem


@dataclass(frozen=True)
class ShardPart:
    """The samples of one shard: where their images lie, and what is wrong with those that cannot be imported."""

    file: Path
    keys: Sequence[str]
    places: NDArray[np.int64]
    """int64, N×2: offset and size of the image; -1 where there is none."""
    labels: NDArray[np.int64]
    """0 where there is none: such a row is ``Unreadable``."""
    problems: Mapping[int, str]
    groups: None = None

    @property
    def files(self) -> Sequence[Path]:
        """The shard."""
        return (self.file,)

    def name(self, row: int) -> str:
        """Shard and key."""
        return f"{printable(self.file.name)}/{printable(self.keys[row])}"

    def rows(self, start: int, batch: int) -> Iterator[Sequence[Row]]:
        """Yield the images' bytes from ``start``, ``batch`` at a time."""
        with open_archive(self.file) as archive:
            for first in range(start, len(self.keys), batch):
                yield [self._row(archive, row) for row in range(first, min(first + batch, len(self.keys)))]

    def _row(self, archive: Archive, row: int) -> Row:
        if row in self.problems:
            return Unreadable(self.problems[row])
        offset, size = map(int, self.places[row])
        return archive.read(offset, size)


def list_webdataset(
    shards: Mapping[SplitName, Sequence[str]],
    *,
    class_names: Sequence[str] | None = None,
    label_key: str | None = None,
) -> Listing:
    """List the samples of shards: an image (``.jpg``, ``.png``, …) and its label (``.cls``, or a key of ``.json``).

    The headers and labels of all shards are read, no image. A sample that lacks one of the two, or has one twice, is a
    bad image with its reason. Links and devices are ignored and told.

    Args:
        shards: Files, folders of them or patterns (``expand_shards``) of every split; ``train`` at least. Plain tar or
            gzip.
        class_names: In label order; else numbers, or the sorted distinct labels.
        label_key: Of the ``.json`` member; ``label``, ``cls`` or ``class`` unless given.

    Raises:
        DataError: A shard cannot be read, holds no sample, or labels are no classes.
    """
    ignored: list[Ignored] = []
    read: list[tuple[SplitName, Path, list[_Sample]]] = []
    files = expand({split: [Path(pattern) for pattern in patterns] for split, patterns in shards.items()}, SHARDS)
    refuse_repetition(files)
    for split, own in files.items():
        for file in own:
            read.append((split, file.absolute(), _Reader(file, label_key, ignored).samples()))
    if not any(split == "train" for split, _, _ in read):
        raise DataError("no shard for the train split", remedy="name one with --train")
    labelled = [(file, sample) for _, file, samples in read for sample in samples if sample.label is not None]
    if not labelled:
        why = next((f"; {_no_label(one).partition('; ')[2]}" for _, _, some in read for one in some if one.other), "")
        raise DataError(
            f"{read[0][1]}: no sample has a label (.cls, or one of {', '.join(_JSON_KEYS)} in .json){why}",
            remedy="name the key of the .json with --label-key, or write .cls members",
        )
    numbers, names = number_labels(
        [sample.label or "" for _, sample in labelled],
        lambda row: f"{labelled[row][0]}: {printable(labelled[row][1].key)}",
        class_names,
    )
    given = iter(numbers.tolist())
    parts: dict[SplitName, list[Part]] = {}
    for split, file, samples in read:
        parts.setdefault(split, []).append(_part(file, samples, given))
    names_of_files = ", ".join(printable(file.name) for _, file, _ in read[:3])
    more = f" and {len(read) - 3} more" if len(read) > 3 else ""
    return Listing(names, parts, f"webdataset: {names_of_files}{more}", tuple(ignored))


def _part(file: Path, samples: Sequence[_Sample], given: Iterator[int]) -> ShardPart:
    places = np.full((len(samples), 2), -1, np.int64)
    labels = np.zeros(len(samples), np.int64)
    problems = {}
    for row, sample in enumerate(samples):
        if sample.label is not None:
            labels[row] = next(given)
        if sample.image:
            places[row] = sample.image.offset, sample.image.size
        problem = sample.problem
        problem = problem or (_no_label(sample) if sample.label is None else None)
        problem = problem or ("no image of this key" if sample.image is None else None)
        if problem:
            problems[row] = problem
    return ShardPart(file, [sample.key for sample in samples], places, labels, problems)


@dataclass
class _Reader:
    """Puts the members of one shard together to samples, in the order of their first members."""

    file: Path
    label_key: str | None
    ignored: list[Ignored]
    found: dict[str, _Sample] = field(default_factory=dict)

    def samples(self) -> list[_Sample]:
        current = None
        with open_archive(self.file) as archive:
            for member in archive.members():
                key, suffix = _split(member.name)
                if member.is_folder or not suffix or os.path.basename(member.name).startswith("."):
                    if not member.is_folder:
                        self._ignore(member, "its name is not KEY.SUFFIX")
                    continue
                sample = self.found.setdefault(key, _Sample(key))
                if current != key and (sample.image or sample.label or sample.problem):
                    sample.spoil("this key stands twice in the shard, with others between")
                current = key
                self._take(sample, member, suffix, archive)
        samples = [s for s in self.found.values() if s.image or s.label is not None or s.problem]
        if not samples:
            raise DataError(f"{self.file}: no sample", remedy="give shards of KEY.jpg with KEY.cls or KEY.json")
        return samples

    def _take(self, sample: _Sample, member: Member, suffix: str, archive: Archive) -> None:
        if not member.is_file:
            self._ignore(member, "is not a regular file")
        elif f".{suffix.rpartition('.')[2]}" in SUFFIXES:
            if sample.image:
                sample.spoil("more than one image of this key (a key ends at the first dot of the file's name)")
            elif member.size > MAX_BYTES:
                sample.spoil(f"{member.size:,} bytes, more than {MAX_BYTES:,}")
            sample.image = member
        elif suffix in ("cls", "json") and member.size > _MOST_LABEL:
            sample.spoil(f"its .{suffix} has {member.size:,} bytes, more than {_MOST_LABEL:,}")
        elif suffix in ("cls", "json"):
            content = archive.read(member.offset, member.size)
            label = _text(content) if suffix == "cls" else _json_label(content, self.label_key)
            if label and sample.label not in (None, label):
                sample.spoil(f"two labels: {sample.label!r} and {label!r}")
            sample.label = sample.label or label or None
        elif suffix.endswith((".cls", ".json")):
            sample.other = sample.other or member.name

    def _ignore(self, member: Member, reason: str) -> None:
        self.ignored.append(Ignored(f"{printable(self.file.name)}/{printable(member.name)}", reason))


def _no_label(sample: _Sample) -> str:
    problem = "no label: neither .cls nor .json names one"
    if sample.other is None:
        return problem
    base = printable(os.path.basename(sample.other))
    return f"{problem}; {base!r} does not count: a key ends at the first dot of the file's name"


def _split(name: str) -> tuple[str, str]:
    """Key and suffix (in lower case): the base name is divided at its first dot."""
    folder, _, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return (f"{folder}/{stem}" if folder else stem), suffix.lower()


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None


def _json_label(content: bytes, key: str | None) -> str | None:
    """The label in a ``.json`` member; None if it has none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = next((value[name] for name in ((key,) if key else _JSON_KEYS) if name in value), None)
    return str(found).strip() if isinstance(found, int | str) and not isinstance(found, bool) else None

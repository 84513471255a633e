"""Figures of the original files are those of ``items.tsv``, whatever the names are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.data.items import HEADER, Items, default_items, format_items, read_items
from podium.errors import DataError
from podium.validation import originals

NAMES = [
    '"quoted',
    "'",
    "",
    " ",
    "a,b",
    "NA",
    "nan",
    "carriage\rreturn",
    "new\nline",
    "tab\there",
    "back\\slash",
    "🐈",
    "#",
]


def odd(count: int = 200) -> Items:
    rng = np.random.default_rng(0)
    plain = default_items("train", 0, count, (8, 8))
    return replace(
        plain,
        names=[NAMES[i % len(NAMES)] for i in range(count)],
        widths=rng.integers(0, 5000, count).astype(np.int32),
        heights=rng.integers(0, 2, count).astype(np.int32),
        modes=[("RGB", "I;16", "", "NA", "tab\t")[i] for i in rng.integers(0, 5, count)],
        formats=[("JPEG", "", '"')[i] for i in rng.integers(0, 3, count)],
        orientations=rng.integers(0, 9, count).astype(np.uint8),
        groups=["", "of one", '"'] * (count // 3) + [""] * (count % 3),
    )


@pytest.mark.parametrize("block", [7, 1000])
def test_the_figures_are_those_of_the_items(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "_BLOCK", block)
    file = tmp_path / "train.items.tsv"
    file.write_bytes(HEADER + format_items(odd()))
    found, items = originals.read_originals(file, 200), read_items(file, 200)
    for column in ("widths", "heights", "orientations"):
        assert np.array_equal(getattr(found, column), getattr(items, column))
        assert getattr(found, column).dtype == getattr(items, column).dtype
    expected = Counter(("mode", mode) for mode in items.modes) + Counter(("format", kind) for kind in items.formats)
    assert found.properties == expected + Counter(("orientation", str(turn)) for turn in items.orientations)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HEADER,
        HEADER + b"a\t1\t1\tRGB\tPNG\t0\t\n",
        HEADER + b"a\t1\t1\tRGB\tPNG\t0\t\n" * 3,
        HEADER + b"a\tx\t1\tRGB\tPNG\t0\t\n" * 2,
        HEADER + b"a\t1\t99999999999\tRGB\tPNG\t0\t\n" * 2,
        HEADER + b"a\t1\t1\tRGB\tPNG\t-1\t\n" * 2,
        HEADER + b"a\t1\t1\tRGB\tPNG\t0\t\textra\n" * 2,
        b"name\twidth\n" + b"a\t1\n" * 2,
    ],
)
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "train.items.tsv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.items\.tsv: cannot be read as the list of images"):
        originals.read_originals(file, 2)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        originals.read_originals(tmp_path / "none.tsv", 2)


@pytest.mark.parametrize("block", [7, 1000])
def test_groups_are_equal_where_their_names_are(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "_BLOCK", block)
    names = ["", "NA", "nan", " ", '"', "a\tb", "a\\tb", "0", "00", "p" * 300]
    grouped = replace(odd(), groups=[names[i % 10] for i in range(200)])
    (tmp_path / "train.items.tsv").write_bytes(HEADER + format_items(grouped))
    found = originals.read_originals(tmp_path / "train.items.tsv", 200).groups
    assert found is not None
    assert found.dtype == np.uint64
    assert len(set(found.tolist())) == 10
    assert all((found[i::10] == found[i]).all() for i in range(10))
    assert (found[::10] == 0).all()
    (tmp_path / "none.tsv").write_bytes(HEADER + format_items(replace(odd(), groups=[""] * 200)))
    assert originals.read_originals(tmp_path / "none.tsv", 200).groups is None

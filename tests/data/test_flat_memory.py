"""Memory does not grow with the number of images, but for some bytes each: what an import and a validation hold.

``tracemalloc`` counts what Python and NumPy allocate, to the byte; temporary files and their mappings are not counted.
What is compared are two sizes: blocks of images, which are the same for both, fall out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from podium.data import duplicates, near, open_dataset, pieces, registration
from podium.data.importing import engine, import_images
from podium.data.near import SIZE, near_groups
from podium.data.rows import FileRows
from podium.data.splits import stratified_split
from podium.validation.context import prepare
from podium.validation.noise import label_issues
from tests.conftest import ROOT
from tests.data.engine_made import Made, listing, options

pytestmark = pytest.mark.slow
FEW, MANY = 3_000, 9_000


def pictures(count: int) -> list[np.ndarray]:
    """16×16 images of 4×4 fields; hardly any two are alike."""
    fields = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return list(fields.repeat(4, axis=1).repeat(4, axis=2))


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def bytes_an_image(measure: Callable[[int], int], few: int, many: int) -> float:
    return (measure(many) - measure(few)) / (many - few)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sorted at a time, and the same for all sizes from here on; one thread, whose peak is that of its work."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(near, "_ROWS", 1_000)
    monkeypatch.setattr(registration, "_CHUNK", 1_000)
    monkeypatch.setattr(pieces, "_BLOCK", 1_000)
    monkeypatch.setattr(pieces, "_PIECE", 1_000)
    monkeypatch.setattr(pieces, "_MOST_PIECES", 1_000)
    monkeypatch.setattr(duplicates, "_RANGE_BITS", 10)


def test_the_search_for_near_duplicates_holds_neither_descriptors_nor_sketches(
    tmp_path: Path, small_pieces: None
) -> None:
    def peak(count: int) -> int:
        rows = FileRows(count, SIZE, tmp_path)
        rows.write(0, np.random.default_rng(0).integers(0, 256, (count, SIZE), dtype=np.uint8))
        with traced():
            near_groups(rows)
            return tracemalloc.get_traced_memory()[1]

    peak(10)
    assert bytes_an_image(peak, 10_000, 30_000) < 30  # a descriptor has 184 bytes, a sketch 25
    assert not any(tmp_path.iterdir())


def test_an_import_holds_neither_records_nor_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    def look(descriptors: FileRows) -> np.ndarray:
        held.append(tracemalloc.get_traced_memory()[0])
        return near_groups(descriptors)

    monkeypatch.setattr(engine, "near_groups", look)

    def before_the_search(count: int) -> int:
        source = listing(Made(pictures(count)))
        with traced():
            import_images(source, options(), tmp_path / str(count))
        return held[-1]

    before_the_search(10)  # loads what is loaded when it is first needed
    assert bytes_an_image(before_the_search, FEW, MANY) < 40  # labels, rows, numbers
    assert sorted(file.name for file in tmp_path.iterdir()) == ["10", str(FEW), str(MANY)]


def test_a_validation_holds_neither_digests_nor_descriptors(tmp_path: Path) -> None:
    def prepared(count: int) -> int:
        import_images(listing(Made(pictures(count))), options(), tmp_path / str(count))
        dataset = open_dataset(tmp_path / str(count))
        with traced():
            context = prepare(dataset, {})
            assert len(context.descriptors) == count
            return tracemalloc.get_traced_memory()[0]

    prepared(10)
    assert bytes_an_image(prepared, FEW, MANY) < 40  # 20 of figures, 4 of numbers


def test_a_drawn_split_holds_little_beside_labels_and_groups(small_pieces: None) -> None:
    def peak(count: int) -> int:
        labels, groups = np.arange(count, dtype=np.int32) % 50, np.arange(count, dtype=np.int32) // 2
        with traced():
            stratified_split(labels, {"train": 0.8, "test": 0.2}, 0, groups=groups)
            return tracemalloc.get_traced_memory()[1]

    peak(1_000)
    assert bytes_an_image(peak, 20_000, 60_000) < 40


def test_label_noise_holds_neither_features_nor_scores(small_pieces: None) -> None:
    def peak(count: int) -> int:
        images = np.repeat(np.arange(count, dtype=np.uint8), 12 * 12 * 3).reshape(-1, 12, 12, 3)
        with traced():
            label_issues(images, np.arange(count, dtype=np.int64) % 100, 100)
            return tracemalloc.get_traced_memory()[1]

    peak(2_000)
    assert bytes_an_image(peak, 3_000, 9_000) < 120  # features have 1,236 bytes, scores 400


def test_checking_data_takes_no_torch() -> None:
    """Whose import takes 490 MiB."""
    code = "import sys, podium.cli, podium.models.contracts, podium.models.recipes, podium.validation.docs as _\n"
    code += "from podium.validation import load_suite, judge; from pathlib import Path\n"
    code += "judge.build(load_suite('default', Path('.'))); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

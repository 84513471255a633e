"""Memory does not grow with the number of images, but for a few bytes each: what an import and a validation hold.

``tracemalloc`` counts what Python and NumPy allocate, to the byte; temporary files and their mappings are not counted.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from podium.contract import InputContract
from podium.data import open_dataset
from podium.data.importing import import_images
from podium.data.near import SIZE, near_groups
from podium.data.rows import FileRows
from podium.validation import load_suite, noise, validate_dataset
from tests.conftest import ROOT
from tests.data.engine_made import Made, listing, options

FEW, MANY = 8_000, 32_000


def pictures(count: int) -> np.ndarray:
    """16×16 images of 4×4 fields; hardly any two are alike."""
    fields = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return fields.repeat(4, axis=1).repeat(4, axis=2)


def growth(work: Callable[[int], Callable[[], object]]) -> float:
    """Bytes an image by which the peak grows from ``FEW`` to ``MANY``; ``work`` prepares what is measured."""
    peaks = []
    for count in (FEW, MANY):
        measured = work(count)
        tracemalloc.start()
        try:
            measured()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (MANY - FEW)


def test_the_search_for_near_duplicates_holds_no_descriptor(tmp_path: Path) -> None:
    def work(count: int) -> Callable[[], object]:
        rows = FileRows(count, SIZE, tmp_path)
        rows.write(0, np.random.default_rng(0).integers(0, 256, (count, SIZE), dtype=np.uint8))
        return lambda: near_groups(rows)

    g = growth(work); print("GROWTH", g); assert g < 90  # a descriptor has 184 bytes


def test_an_import_holds_no_image_and_no_record(tmp_path: Path) -> None:
    def work(count: int) -> Callable[[], object]:
        source = listing(Made(list(pictures(count))))
        return lambda: import_images(source, options(), tmp_path / str(count))

    g = growth(work); print("GROWTH", g); assert g < 100
    assert sorted(file.name for file in tmp_path.iterdir()) == [str(FEW), str(MANY)]


@pytest.mark.slow
def test_a_validation_holds_a_few_numbers_of_each_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "MAX_IMAGES", 2_000)  # what it holds is bounded by these
    suite = load_suite("default", ROOT)

    def work(count: int) -> Callable[[], object]:
        manifest = import_images(listing(Made(list(pictures(count)))), options(), tmp_path / str(count))
        contract = InputContract(
            height=16, width=16, mean=manifest.mean, std=manifest.std, class_names=manifest.class_names
        )
        dataset = open_dataset(tmp_path / str(count))
        return lambda: validate_dataset(dataset, suite, {"net": contract})

    work(100)()  # loads the libraries
    g = growth(work); print("GROWTH", g); assert g < 150

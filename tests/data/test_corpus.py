"""The fault corpus through the real import: the documented outcome, in bounded time, without a loss."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podium.data import open_dataset
from podium.data.importing import ImportOptions, import_images
from podium.errors import DataError
from tests.conftest import ROOT
from tests.data.corpus import Fault, corpus, render
from tests.data.source_made import write_folder

FAULTS = corpus()
NOBODY = 65534
LARGE = ("20,000×20,000", "80 MB", "100 MB", "200 MB")
"""In the names of faults whose files take a second to make."""
pytestmark = pytest.mark.timeout(60)


def test_the_table_in_the_documentation_is_this_corpus():
    assert (ROOT / "docs/design/faults.md").read_text(encoding="utf-8") == render()
    kinds = [(fault.kind, fault.source) for fault in FAULTS]
    assert len(set(kinds)) == len(kinds) >= 40


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=f"{fault.source}: {fault.kind}",
            marks=pytest.mark.slow if any(size in fault.kind for size in LARGE) else (),
        )
        for fault in FAULTS
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of broken EXIF blocks
def test_each_fault_has_the_documented_outcome(fault, tmp_path):
    if not fault.other_user or os.geteuid():
        run(fault, tmp_path)
        return
    write_folder(tmp_path / "warm")
    with tempfile.TemporaryDirectory() as folder:
        with _nobody(Path(folder)):
            run(fault, Path(folder))
        for path in Path(folder).rglob("*"):
            path.chmod(0o755)


def run(fault: Fault, place: Path) -> None:
    root = place / "deep" / "files"
    root.mkdir(parents=True)
    target = place / "deep" / "data"
    outside = sorted(place.iterdir())
    lister = fault.make(root)
    expected = [*outside, *sorted((place / "deep").iterdir())]
    options = ImportOptions(name="x", size=fault.size, validation_fraction=0.2, test_fraction=0.2)

    if fault.outcome == "refused":
        with pytest.raises(DataError) as caught:
            import_images(lister(), options, target)
        assert fault.says in caught.value.message
        assert caught.value.remedy
        assert not target.exists()
    else:
        listing = lister()
        if fault.outcome == "bad":
            with pytest.raises(DataError) as caught:
                import_images(listing, options, target)
            assert fault.says in caught.value.message
            assert "--skip-bad" in caught.value.remedy
            assert not target.exists()
        if fault.outcome == "ignored":
            assert any(fault.says in ignored.reason for ignored in listing.ignored), listing.ignored
        skip = options.model_copy(update={"on_bad": "skip"})
        manifest = import_images(listing, skip if fault.outcome == "bad" else options, target)
        dataset = open_dataset(target)
        dataset.verify()
        assert sum(info.count for info in manifest.splits.values()) == fault.good
        excluded = target / "excluded.tsv"
        assert excluded.exists() == (fault.outcome == "bad")
        names = [name for split in manifest.splits for name in dataset.items(split).names]
        if fault.outcome == "bad":
            (line,) = excluded.read_text(encoding="utf-8").splitlines()[1:]
            assert fault.says in line
            names.append(line.split("\t")[1])
        parts = [part for parts in listing.parts.values() for part in parts]
        assert sorted(names) == sorted(part.name(row) for part in parts for row in range(len(part.labels)))
        if fault.check:
            fault.check(dataset)
        expected.append(target)
    found = [*sorted(place.iterdir()), *sorted((place / "deep").iterdir())]
    assert sorted(found) == sorted(expected), "something was written that is no data set"
    assert not list(place.rglob("marker*")), "what the file holds was run"


@contextmanager
def _nobody(folder: Path) -> Iterator[None]:
    """Give up root's rights for a while; all that is needed is imported before."""
    _warm(folder)
    folder.chmod(0o777)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _warm(folder: Path) -> None:
    from podium.data.sources import list_folder

    with tempfile.TemporaryDirectory() as other, warnings.catch_warnings():
        write_folder(Path(other) / "files")
        import_images(list_folder(Path(other) / "files"), ImportOptions(name="x"), Path(other) / "data")

"""Find out what a side of the comparison is: a data set, a git revision of it, parquet files, or image files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from podium.data.revisions import open_revision
from podium.data.sources.parquet import list_parquet, list_unlabelled
from podium.data.sources.split_files import PARQUET, files_of
from podium.drift.folders import files_population
from podium.drift.population import ListedPopulation, Population, SplitChoice, dataset_population
from podium.errors import DataError


@contextmanager
def open_population(
    name: str,
    choice: SplitChoice,
    *,
    data: Path,
    record: Path,
    revisions: bool,
    classes: Sequence[str] | None = None,
) -> Iterator[Population]:
    """Open one side for reading.

    Args:
        name: A folder with ``dataset.json``, a folder of parquet files or of images, a ``.parquet`` file, or a git
            revision.
        choice: Splits of a data set.
        data: The working data set, for its revisions.
        record: Its ``.dvc`` file.
        revisions: Whether a name that is no path is taken for a revision.
        classes: Of the other side, if it has labels: folders of image files that are called so are labels.

    Raises:
        DataError: There is nothing of that name, it is damaged, or holds no images.
    """
    path = Path(name)
    if path.is_dir() and not (path / "dataset.json").exists():
        if any(entry.suffix == ".parquet" for entry in path.iterdir()):
            yield _parquet(name, path)
        else:
            yield files_population(name, path, classes)
    elif path.is_file():
        if path.suffix.lower() != ".parquet":
            raise DataError(
                f"{name}: a single file that is no .parquet",
                remedy="name a data set, a folder with image files, or a parquet file",
            )
        yield _parquet(name, path)
    elif path.is_dir() or revisions:
        with open_revision(name, data, record) as revision:
            yield dataset_population(name, revision.dataset, choice)
    else:
        raise DataError(f"{name}: no such file or folder", remedy="name the folder or the parquet file of new images")


def _parquet(name: str, path: Path) -> ListedPopulation:
    """Rows of parquet files of any split; without labels where no file has a column of them."""
    files = files_of(path, PARQUET)
    if unlabelled := list_unlabelled(files):
        parts, told = unlabelled
        note = f"{name}: no column of labels (integers, or text called 'label'), so there are no labels."
        return ListedPopulation(name, tuple(parts), None, notes=(note, *map(_sentence, told)))
    found = list_parquet(files)
    parts = tuple(part for group in found.parts.values() for part in group)
    return ListedPopulation(name, parts, found.class_names, found.size, tuple(map(_sentence, found.notes)))


def _sentence(note: str) -> str:
    """A note of an import without the options that name another column: a comparison has none."""
    return note.partition("; --")[0] + "."

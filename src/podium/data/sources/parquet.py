"""Parquet files in the layout of the Hugging Face hub: encoded images in a struct column, and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from podium.config.base import DEFAULT_RESIZE, Resize
from podium.data.importing.engine import ImportOptions, import_images
from podium.data.importing.listing import Listing, Part
from podium.data.manifest import Manifest
from podium.data.sources.hf_layout import open_sources, open_unlabelled
from podium.data.sources.split_files import PARQUET, expand, refuse_repetition


def list_parquet(
    train: Sequence[Path],
    test: Sequence[Path] = (),
    validation: Sequence[Path] = (),
    *,
    class_names: Sequence[str] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
) -> Listing:
    """Look at parquet files: schemas and labels are read, images are not.

    Args:
        train: Files of the training split, in order; a folder stands for the ``.parquet`` files in it, a pattern such
            as ``train-*.parquet`` for those that fit it, in the order of their names. Where these are named for
            different splits, they are refused; ``split_files.sort_by_name`` divides them.
        test: Files of the test split; drawn from train if there are none.
        validation: Files of the validation split; drawn from train if there are none.
        class_names: In label order; read from the files' ``huggingface`` metadata unless given.
        image_column: Column of the encoded images; found unless given.
        label_column: Column of the labels, integers or text; found unless given.

    Raises:
        DataError: A file, column or label is wrong; file and row are named.
    """
    given = expand({"train": train, "validation": validation, "test": test}, PARQUET)
    refuse_repetition(given)
    parts, names, notes = open_sources(given, image_column, label_column, class_names)
    files = [part.file.name for group in parts.values() for part in group]
    more = f" and {len(files) - 5:,} more" if len(files) > 5 else ""
    return Listing(names, parts, f"parquet: {', '.join(files[:5])}{more}", notes=notes)


def list_unlabelled(files: Sequence[Path]) -> tuple[Sequence[Part], Sequence[str]] | None:
    """Look at parquet files of images without labels; None if one has a column that ``list_parquet`` would take.

    Returns:
        The files, and how a column without a usual name was found.

    Raises:
        DataError: A file cannot be read, or has no column of images.
    """
    return open_unlabelled(files)


def import_parquet(
    target: Path,
    train: Sequence[Path],
    test: Sequence[Path] = (),
    validation: Sequence[Path] = (),
    *,
    name: str | None = None,
    class_names: Sequence[str] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    size: tuple[int, int] | None = None,
    resize: Resize = DEFAULT_RESIZE,
    drop_duplicates: bool = False,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **options: float | str,
) -> Manifest:
    """``list_parquet`` and ``import_images`` in one, for use from Python.

    Args:
        target: Folder of the data set; an existing one is replaced as a whole.
        train: As in ``list_parquet``.
        test: As in ``list_parquet``.
        validation: As in ``list_parquet``.
        name: Name of the data set; the first file's stem unless given.
        class_names: As in ``list_parquet``.
        image_column: As in ``list_parquet``.
        label_column: As in ``list_parquet``.
        size: As in ``ImportOptions``.
        resize: As in ``ImportOptions``.
        drop_duplicates: Remove images from a split that also stand in a later one.
        skip_bad: Leave out what cannot be decoded.
        progress: Called with images decoded and images in all.
        options: ``licence``, ``seed``, ``validation_fraction``, ``test_fraction``, as in ``ImportOptions``.

    Raises:
        DataError: A file, column, image or label is wrong; file and row are named.
        OSError: The disk is full, or the folder cannot be written.
    """
    listing = list_parquet(
        train, test, validation, class_names=class_names, image_column=image_column, label_column=label_column
    )
    chosen = ImportOptions(
        name=name or train[0].stem,
        size=size,
        resize=resize,
        duplicates="drop" if drop_duplicates else "keep",
        on_bad="skip" if skip_bad else "refuse",
        **options,
    )

    def told(phase: str, done: int, total: int) -> None:
        if progress and phase.startswith("decoding"):
            progress(done, total)

    return import_images(listing, chosen, target, told)

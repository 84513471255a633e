"""Sources, one file each: what they list, ``podium.data.importing`` writes as a Podium data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from podium.data.importing.listing import Listing
from podium.data.manifest import Manifest
from podium.data.sources.arrays import list_arrays
from podium.data.sources.cifar import list_cifar
from podium.data.sources.digits import import_digits
from podium.data.sources.folder import list_folder
from podium.data.sources.parquet import import_parquet, list_parquet
from podium.data.sources.table import list_table
from podium.data.sources.webdataset import list_webdataset

__all__ = [
    "SOURCES",
    "Source",
    "import_digits",
    "import_parquet",
    "list_arrays",
    "list_cifar",
    "list_folder",
    "list_parquet",
    "list_table",
    "list_webdataset",
]


@dataclass(frozen=True)
class Source:
    """One kind of origin: it lists what its files hold, or is embedded and needs none."""

    summary: str
    listing: Callable[..., Listing] | None = None
    """Looks at files; arguments are the source's own."""
    embedded: Callable[[Path], Manifest] | None = None
    """Writes the data set; the same bytes on every machine."""


SOURCES: dict[str, Source] = {
    "digits": Source("scikit-learn's handwritten digits at 32×32", embedded=import_digits),
    "parquet": Source("parquet files in the Hugging Face layout", list_parquet),
    "cifar": Source("CIFAR-10 and CIFAR-100 as their authors publish them", list_cifar),
    "folder": Source("a folder of class folders, with or without splits", list_folder),
    "table": Source("a CSV or TSV table of image files and labels", list_table),
    "arrays": Source("NumPy's .npz and .npy files", list_arrays),
    "webdataset": Source("WebDataset tar shards", list_webdataset),
}

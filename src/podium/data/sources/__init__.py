"""Importers, one file a source: each writes a Podium data set and returns its manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podium.data.manifest import Manifest
from podium.data.sources.digits import import_digits
from podium.data.sources.install import Installed, install
from podium.data.sources.parquet import import_parquet

__all__ = ["SOURCES", "Installed", "Source", "import_digits", "import_parquet", "install"]


@dataclass(frozen=True)
class Source:
    """One kind of origin. An embedded one needs no files: ``importer(target)`` gives the same bytes everywhere."""

    summary: str
    importer: Callable[..., Manifest]
    embedded: bool = False


SOURCES: dict[str, Source] = {
    "digits": Source("scikit-learn's handwritten digits at 32×32", import_digits, embedded=True),
    "parquet": Source("parquet files in the Hugging Face layout", import_parquet),
}

"""The canonical data set: import, store, inspect."""

from podium.data.items import Items
from podium.data.manifest import SPLITS, Manifest, SplitInfo
from podium.data.store import Dataset, Split, open_dataset
from podium.data.writing import Excluded, Streamed, write_dataset

__all__ = [
    "SPLITS",
    "Dataset",
    "Excluded",
    "Items",
    "Manifest",
    "Split",
    "SplitInfo",
    "Streamed",
    "open_dataset",
    "write_dataset",
]

"""The canonical data set: import, store, inspect."""

from podium.data.manifest import Manifest, SplitInfo
from podium.data.store import SPLITS, Dataset, Split, open_dataset, write_dataset

__all__ = ["SPLITS", "Dataset", "Manifest", "Split", "SplitInfo", "open_dataset", "write_dataset"]

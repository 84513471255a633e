"""The files of a bundle (:mod:`podium.bundle`), and what they say without its weights, for which PyTorch is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from podium.errors import RegistryError

WEIGHTS: Final = "model.safetensors"
META: Final = "model.json"
HISTORY: Final = "training.json"
ROWS: Final = "seen.npy"
TRAINED_ROWS: Final = "trained.npy"


def data_digest(folder: Path) -> str:
    """The data version that a bundle names. Raises RegistryError if the file that says so is missing or malformed."""
    try:
        return str(json.loads((folder / META).read_text())["data_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(folder, error) from None


def unreadable(folder: Path, error: Exception) -> RegistryError:
    """What to tell of a bundle that cannot be read."""
    return RegistryError(f"{folder}: not a readable model bundle ({error})", remedy="fetch the model version again")

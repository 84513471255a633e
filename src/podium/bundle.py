"""A trained model as a folder: weights, recipe, input contract and training summary. Loads without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from podium import atomic
from podium.bundle_files import HISTORY, META, ROWS, TRAINED_ROWS, WEIGHTS, unreadable
from podium.config import Candidate
from podium.contract import InputContract
from podium.results import TrainingSummary


@dataclass(frozen=True)
class Bundle:
    """One trained candidate. ``state`` is the network's state dict; build it with ``podium.models.build``."""

    candidate: Candidate
    contract: InputContract
    data_digest: str
    state: dict[str, torch.Tensor]
    summary: TrainingSummary
    seen: NDArray[np.uint64] | None = None
    """Digests of the images that it was trained and chosen on (``podium.data.content``), sorted; kept when it is
    registered, so that no later test split holds them unnoticed."""
    trained: NDArray[np.uint64] | None = None
    """Those of them that it was trained on, so that no later validation split of a warm start holds them."""

    def save(self, folder: Path) -> None:
        """Write the bundle's files into an existing folder."""
        save_file({k: v.detach().contiguous().cpu() for k, v in self.state.items()}, folder / WEIGHTS)
        meta = {
            "schema_version": 1,
            "candidate": self.candidate.model_dump(mode="json"),
            "contract": self.contract.model_dump(mode="json"),
            "data_digest": self.data_digest,
        }
        atomic.write_text(folder / META, json.dumps(meta, indent=2) + "\n")
        atomic.write_text(folder / HISTORY, self.summary.model_dump_json(indent=2) + "\n")
        for name, rows in ((ROWS, self.seen), (TRAINED_ROWS, self.trained)):
            if rows is not None:
                np.save(folder / name, rows.astype("<u8", copy=False), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a bundle. Raises RegistryError if a file is missing or malformed."""
        try:
            meta = json.loads((folder / META).read_text())
            return cls(
                candidate=Candidate.model_validate(meta["candidate"]),
                contract=InputContract.model_validate(meta["contract"]),
                data_digest=meta["data_digest"],
                state=load_file(folder / WEIGHTS),
                summary=TrainingSummary.model_validate_json((folder / HISTORY).read_text()),
                seen=_rows(folder / ROWS),
                trained=_rows(folder / TRAINED_ROWS),
            )
        except (OSError, EOFError, ValueError, KeyError, SafetensorError) as error:
            raise unreadable(folder, error) from None


def _rows(file: Path) -> NDArray[np.uint64] | None:
    if not file.exists():
        return None
    rows = np.load(file, allow_pickle=False)
    if rows.dtype != np.dtype("<u8") or rows.ndim != 1 or (rows[1:] <= rows[:-1]).any():
        raise ValueError(f"{file.name} holds {rows.dtype} of shape {rows.shape} instead of sorted digests")
    return rows

"""What a training's result depends on, as one digest: a checkpoint of anything else must not be continued."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

import podium.models
import podium.training
from podium.config import Candidate
from podium.contract import InputContract
from podium.digest import digest_file, digest_json
from podium.models import WeightsStore, family_of, options_of


def identity(
    candidate: Candidate, contract: InputContract, data_digest: str, weights: WeightsStore, device: torch.device
) -> str:
    """SHA-256 over candidate, contract, data, pretrained weights, code and kind of device.

    Raises:
        WeightsError: The pretrained weights that the candidate needs are missing.
    """
    model = candidate.recipe.model
    family = family_of(model)
    pretrained = weights.provenance(family.pretrained(options_of(model))).sha256 if family.pretrained else None
    return digest_json(
        {
            "candidate": candidate.model_dump(mode="json"),
            "contract": contract.model_dump(mode="json"),
            "data": data_digest,
            "weights": pretrained,
            "code": code_digest(),
            "device": device.type,
        }
    )


@cache
def code_digest() -> str:
    """SHA-256 over the sources of networks and engine, and torch's version."""
    folders = [Path(package.__path__[0]) for package in (podium.models, podium.training)]
    files = {f"{f.name}/{p.name}": digest_file(p) for f in folders for p in sorted(f.glob("*.py"))}
    return digest_json({"files": files, "torch": torch.__version__})

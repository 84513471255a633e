"""The table ``contracts``: for every candidate, a row a channel of what its network will see."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from podium.contract import InputContract
from podium.validation.context import Context, Measured
from podium.validation.frame import Frame

CONTRACTS = {
    "channel": "red, green or blue",
    "low": "the smallest value after normalization",
    "high": "the greatest value after normalization",
    "allowed_low": "the least that the backbone was trained on",
    "allowed_high": "the greatest that the backbone was trained on",
    "mean_after": "mean over the split after normalization",
    "std_after": "standard deviation over the split after normalization",
    "mean_own": "the same, if the normalization is by the data's own statistics, and otherwise 0",
    "std_own": "the same, if the normalization is by the data's own statistics, and otherwise 1",
    "names_differing": "class names of the contract that are not those of the data, in order",
    "size": "height×width of the network's input",
    "data_size": "height×width of the images",
    "problem": "1 if the contract contradicts itself",
    "cause": "why values are out of range, as far as the figures tell",
}


def contracts(context: Context) -> Iterator[Frame]:
    """A frame a split and candidate."""
    manifest = context.manifest
    for candidate, contract in context.contracts.items():
        names = zip(contract.class_names, manifest.class_names, strict=False)
        differing = sum(a != b for a, b in names) + abs(len(contract.class_names) - context.classes)
        statistics = (contract.mean, contract.std), (manifest.mean, manifest.std)
        own = bool(np.allclose(*statistics, atol=1e-6))
        for split, found in context.measured.items():
            mean, std = np.asarray(contract.mean), np.maximum(np.asarray(contract.std), 1e-9)
            data_mean, data_std = found.of.channel_statistics()
            after, scale = (data_mean - mean) / std, data_std / std
            low, high = contract.trained_range or (contract.normalized_range() if min(contract.std) > 0 else (0.0, 0.0))
            yield Frame(
                split,
                {
                    "channel": ["red", "green", "blue"],
                    "low": (found.of.minimum.min() / 255 - mean) / std,
                    "high": (found.of.maximum.max() / 255 - mean) / std,
                    "allowed_low": [low] * 3,
                    "allowed_high": [high] * 3,
                    "mean_after": after,
                    "std_after": scale,
                    "mean_own": after if own else np.zeros(3),
                    "std_own": scale if own else np.ones(3),
                    "names_differing": [differing] * 3,
                    "size": [f"{contract.height}×{contract.width}"] * 3,
                    "data_size": [f"{manifest.height}×{manifest.width}"] * 3,
                    "problem": [int(contract.problem() is not None)] * 3,
                    "cause": [cause(contract, found, own)] * 3,
                },
                subject=candidate,
            )


def cause(contract: InputContract, found: Measured, own: bool) -> str:
    """Say why a network would see values that it was not trained on."""
    if problem := contract.problem():
        return problem
    if found.of.maximum.max() <= 1:
        return "the images were scaled to [0, 1] before they were stored as bytes: store 0…255"
    if own:
        return "dataset.json records other statistics than those of the images: import the data set again"
    return "the backbone was trained on images of another kind, or of another range"

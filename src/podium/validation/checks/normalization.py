"""What the networks will see: every candidate's input contract fits the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from podium.contract import InputContract
from podium.validation.context import Context, Measured
from podium.validation.results import Severity
from podium.validation.rule import Rule, Table

FOREIGN_MEAN: Final = 1.0
"""Warning above, where a backbone brings its own mean and standard deviation."""
FOREIGN_FACTOR: Final = 2.0
ABSURD_MEAN: Final = 10.0
"""Critical above, whoever brought them: mean or standard deviation are on another scale than [0, 1]."""
ABSURD_FACTOR: Final = 20.0
_ROUNDING: Final = 1e-4


def normalization(context: Context) -> Iterator[Rule]:
    """Normalized values stay in the range that the contract allows; over train, mean is near 0 and deviation near 1."""
    for candidate, contract in context.contracts.items():
        for split, found in context.measured.items():
            low, high = contract.normalized_range() if min(contract.std) > 0 else (0.0, 0.0)
            table = _normalized(found, candidate, contract)
            yield Rule(
                split,
                table,
                "ExpectColumnMinToBeBetween",
                {"column": "low", "min_value": low - _ROUNDING},
                "critical",
                f"at least {low:.3f}",
                "smallest normalized value {observed}",
                "mean and standard deviation of the contract must be on [0, 1], the latter positive",
                subject=candidate,
            )
            yield Rule(
                split,
                table,
                "ExpectColumnMaxToBeBetween",
                {"column": "high", "max_value": high + _ROUNDING},
                "critical",
                f"at most {high:.3f}",
                "largest normalized value {observed}",
                "mean and standard deviation of the contract must be on [0, 1], the latter positive",
                subject=candidate,
            )
            if split == "train":
                yield from _moments(context, candidate, contract, table)


def class_names(context: Context) -> Iterator[Rule]:
    """A network's outputs are the classes of the data, in the same order."""
    for candidate, contract in context.contracts.items():
        differing = [a != b for a, b in zip(contract.class_names, context.manifest.class_names, strict=False)]
        count = sum(differing) + abs(len(contract.class_names) - context.classes)
        yield Rule(
            "train",
            Table("split", {f"names differing of {candidate}": np.array([count])}),
            "ExpectColumnMaxToBeBetween",
            {"column": f"names differing of {candidate}", "max_value": 0},
            "critical",
            "the same names in the same order",
            "class names that differ from those of the data: {observed}",
            "build the contract from this data set",
            subject=candidate,
        )


def same_size(context: Context) -> Iterator[Rule]:
    """Images need no resizing on their way into the network."""
    manifest = context.manifest
    for candidate, contract in context.contracts.items():
        size = f"{contract.height}×{contract.width}"
        yield Rule(
            "train",
            Table("split", {f"size of {candidate}": np.array([size])}),
            "ExpectColumnValuesToBeInSet",
            {"column": f"size of {candidate}", "value_set": [f"{manifest.height}×{manifest.width}"]},
            "info",
            f"{manifest.height}×{manifest.width} as the images",
            f"the network takes {size}",
            "images are resized on their way into it",
            subject=candidate,
        )


def _normalized(found: Measured, candidate: str, contract: InputContract) -> Table:
    """A row a channel: extremes of the split's values after normalization, and how far the moments are off."""
    mean, std = np.asarray(contract.mean), np.maximum(np.asarray(contract.std), 1e-9)
    data_mean, data_std = found.of.channel_statistics()
    scaled = np.maximum(data_std / std, 1e-9)
    return Table(
        f"channels for {candidate}",
        {
            "low": (found.of.minimum.min() / 255 - mean) / std,
            "high": (found.of.maximum.max() / 255 - mean) / std,
            "off_mean": np.abs((data_mean - mean) / std),
            "factor": np.maximum(scaled, 1 / scaled),
        },
    )


def _moments(context: Context, candidate: str, contract: InputContract, table: Table) -> Iterator[Rule]:
    manifest, config = context.manifest, context.config
    own = np.allclose(contract.mean, manifest.mean, atol=1e-6) and np.allclose(contract.std, manifest.std, atol=1e-6)
    bounds: list[tuple[Severity, float, float, str]]
    if own:
        stale = "import the data set again: dataset.json records other statistics"
        bounds = [("critical", config.max_normalized_mean, config.max_normalized_factor, stale)]
    else:
        scale = "mean and standard deviation of the contract must be on [0, 1]"
        other = "the backbone was trained on images of another kind: prefer another one, or fine-tune it"
        bounds = [
            ("critical", ABSURD_MEAN, ABSURD_FACTOR, scale),
            ("warning", FOREIGN_MEAN, FOREIGN_FACTOR, other),
        ]
    for severity, most, factor, remedy in bounds:
        for column, bound, statement in (
            ("off_mean", most, "normalized mean of a channel is up to {observed} away from 0"),
            ("factor", factor, "normalized deviation of a channel differs from 1 by a factor of up to {observed}"),
        ):
            yield Rule(
                "train",
                table,
                "ExpectColumnMaxToBeBetween",
                {"column": column, "max_value": bound},
                severity,
                f"at most {bound:g}",
                statement,
                remedy,
                subject=candidate,
            )

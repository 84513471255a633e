"""The images that expectations do not hold for: where they stand, what they are called, and why they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podium.data.items import names
from podium.validation.context import SPLIT_NAMES, Context
from podium.validation.frame import Place
from podium.validation.judge import Verdict
from podium.validation.results import OffendingImage, place
from podium.validation.words import PLACEHOLDER, fill


def offending_images(verdicts: Sequence[Verdict], context: Context) -> list[tuple[OffendingImage, ...]]:
    """Describe the listed rows of each verdict on the table ``images``; nothing for the others.

    Names are looked up for all of them at once: each split's ``items.tsv`` is read once, as far as it is needed.
    """
    found = [
        [(Place(verdict.frame.split, row), _values(verdict, row)) for row in verdict.rows]
        if verdict.expected.table == "images"
        else []
        for verdict in verdicts
    ]
    places = {at for rows in found for at, _ in rows}
    places |= {value for rows in found for _, values in rows for value in values.values() if isinstance(value, Place)}
    named = _names(places, context)
    return [
        tuple(_image(verdict, at, values, named, context) for at, values in rows)
        for verdict, rows in zip(verdicts, found, strict=True)
    ]


def _values(verdict: Verdict, row: int) -> dict[str, Any]:
    """What the reason asks for."""
    frame = verdict.frame
    asked = set(PLACEHOLDER.findall(verdict.expected.meta.reason)) - {"name"}
    values: dict[str, Any] = {name: column[row] for name, column in frame.columns.items() if name in asked}
    return values | {name: of(row) for name, of in frame.lazy.items() if name in asked}


def _names(places: set[Place], context: Context) -> dict[Place, str]:
    named: dict[Place, str] = {}
    for split in SPLIT_NAMES:
        of = sorted(at for at in places if at.split == split)
        if of and (context.dataset.path / f"{split}.items.tsv").is_file():
            named |= dict(zip(of, names(context.dataset, split, [at.index for at in of]), strict=True))
    return named


def _image(
    verdict: Verdict, at: Place, values: dict[str, Any], named: dict[Place, str], context: Context
) -> OffendingImage:
    words = {
        key: place(it.split, it.index, named.get(it, "")) if isinstance(it, Place) else it for key, it in values.items()
    }
    words["name"] = named.get(at, "")
    meta = verdict.expected.meta
    return OffendingImage(
        split=at.split,
        index=at.index,
        name=named.get(at, ""),
        label=int(context.splits[at.split].labels[at.index]),
        reason=fill(meta.reason, words) or meta.title,
    )

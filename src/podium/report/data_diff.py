"""The difference of two data sets as JSON and as a page: self-contained, without scripts, all names escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from podium.data import SPLITS, Dataset
from podium.data.diff import KINDS, Diff, Kind, Place, SplitFigures
from podium.data.items import names
from podium.data.revisions import Revision
from podium.report.pictures import Picture, picture
from podium.report.templating import environment
from podium.report.text import visible

SHOWN: Final = 24
"""Images drawn of each kind of change, spread evenly over all of them."""
SHOWN_CLASSES: Final = 60
TITLES: Final[Mapping[Kind, str]] = {
    "added": "Added",
    "removed": "Removed",
    "relabelled": "Of another class now",
    "moved": "Moved to another split",
    "changed": "Same name, other pixels",
}


@dataclass(frozen=True)
class _Shown:
    """One image of the page: a picture before, one after (or one for both), and what it says below."""

    pictures: tuple[Picture, ...]
    text: str
    detail: str


@dataclass(frozen=True)
class _Bars:
    """A histogram of two sides as an SVG path each, in a box of 100×100."""

    split: str
    old: str
    new: str
    distance: float


def summary(diff: Diff, old: Revision, new: Revision, *, limit: int = 100) -> dict[str, Any]:
    """The difference as JSON, described in docs/json.md; at most ``limit`` images of each kind are listed."""
    return {
        "schema_version": 1,
        "old": _side(old),
        "new": _side(new),
        "identical": old.dataset.manifest.digest == new.dataset.manifest.digest,
        "classes_added": list(diff.classes_added),
        "classes_removed": list(diff.classes_removed),
        "unchanged": diff.unchanged,
        "changes": {
            kind: {"count": len(diff.changes[kind]), "images": _listed(diff, kind, np.arange(limit))} for kind in KINDS
        },
        "distribution": {split: _distribution(diff, split) for split in SPLITS},
    }


def render_diff(diff: Diff, old: Revision, new: Revision) -> str:
    """Draw the difference: counts, classes, pictures of what changed, distributions. Returns a complete document."""
    content = summary(diff, old, new, limit=0)
    classes = class_shares(content)
    return (
        environment()
        .get_template("data_diff.html")
        .render(
            diff=content,
            splits=SPLITS,
            titles=TITLES,
            total=sum(change["count"] for change in content["changes"].values()),
            pictures={kind: _shown(diff, kind) for kind in KINDS},
            classes=classes[:SHOWN_CLASSES],
            hidden=max(0, len(classes) - SHOWN_CLASSES),
            bars=[_bars(split, *(figures[split] for figures in diff.figures)) for split in SPLITS],
        )
    )


def class_shares(content: Mapping[str, Any]) -> list[tuple[str, int, int, float, float]]:
    """Name, count and share on both sides of each class over all splits; the largest change of share first."""
    counts: dict[str, list[int]] = {}
    for distribution in content["distribution"].values():
        for name, (before, after) in distribution["classes"].items():
            sums = counts.setdefault(name, [0, 0])
            sums[0] += before
            sums[1] += after
    totals = [max(1, sum(sums[side] for sums in counts.values())) for side in (0, 1)]
    rows = [(name, was, now, was / totals[0], now / totals[1]) for name, (was, now) in counts.items()]
    return sorted(rows, key=lambda row: -abs(row[4] - row[3]))


def _side(revision: Revision) -> dict[str, Any]:
    manifest, record = revision.dataset.manifest, revision.record
    return {
        "revision": revision.name,
        "commit": record.commit if record else None,
        "dvc": record.md5 if record else None,
        "name": manifest.name,
        "digest": manifest.digest,
        "height": manifest.height,
        "width": manifest.width,
        "classes": list(manifest.class_names),
        "splits": {split: manifest.splits[split].count for split in SPLITS},
    }


def _listed(diff: Diff, kind: Kind, chosen: np.ndarray) -> list[dict[str, Any]]:
    """The images at some positions of a change, with their names."""
    chosen = chosen[chosen < len(diff.changes[kind])]
    places = list(diff.places(kind, chosen))
    sides = []
    for dataset, of_side in zip((diff.old, diff.new), zip(*places, strict=True), strict=True) if places else ():
        named = _names(dataset, [place for place in of_side if place])
        sides.append([_place(place, named) for place in of_side])
    return [{"old": was, "new": now} for was, now in zip(*sides, strict=True)] if sides else []


def _names(dataset: Dataset, places: Sequence[Place]) -> dict[Place, str]:
    """The names of some images; each split's list is read once."""
    found: dict[Place, str] = {}
    for split in dict.fromkeys(place.split for place in places):
        own = [place for place in places if place.split == split]
        found.update(zip(own, names(dataset, split, [place.index for place in own]), strict=True))
    return found


def _place(place: Place | None, named: Mapping[Place, str]) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"split": place.split, "index": place.index, "class": place.label, "name": named[place]}


def _distribution(diff: Diff, split: str) -> dict[str, Any]:
    sides = [figures[split] for figures in diff.figures]
    classes_of = [dataset.manifest.class_names for dataset in (diff.old, diff.new)]
    counts = [dict(zip(own, side.per_class, strict=True)) for own, side in zip(classes_of, sides, strict=True)]
    union = dict.fromkeys((*classes_of[0], *classes_of[1]))
    classes = {name: [side.get(name, 0) for side in counts] for name in union}
    return {
        "classes": classes,
        "mean": [list(side.mean) for side in sides],
        "std": [list(side.std) for side in sides],
        "brightness": [list(side.brightness) for side in sides],
        "class_distance": _distance(*zip(*classes.values(), strict=True)),
        "brightness_distance": _distance(*(side.brightness for side in sides)),
    }


def _distance(old: Sequence[int], new: Sequence[int]) -> float:
    """Total variation distance of two histograms: the share of one that would have to move to make it the other."""
    before, after = (np.asarray(side, float) / max(1, sum(side)) for side in (old, new))
    return round(float(np.abs(before - after).sum() / 2), 8)


def _shown(diff: Diff, kind: Kind) -> list[_Shown]:
    count = len(diff.changes[kind])
    chosen = np.unique(np.linspace(0, count - 1, SHOWN).round().astype(np.int64)) if count else np.arange(0)
    return [_draw(diff, kind, image["old"], image["new"]) for image in _listed(diff, kind, chosen)]


def _draw(diff: Diff, kind: Kind, old: dict[str, Any] | None, new: dict[str, Any] | None) -> _Shown:
    """Both pictures only where the pixels differ."""
    sides: list[tuple[Dataset, dict[str, Any], str]] = []
    if old and kind in ("removed", "changed"):
        sides.append((diff.old, old, "before"))
    if new and kind != "removed":
        sides.append((diff.new, new, "after"))
    pictures = tuple(
        picture(np.asarray(dataset[at["split"]].images[at["index"]]), f"{at['name']}, {at['class']}, {when}")
        for dataset, at, when in sides
    )
    ends = [at for at in (old, new) if at]
    classes = " → ".join(dict.fromkeys(at["class"] for at in ends))
    return _Shown(pictures, classes, where(old, new))


def where(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    """Say where an image was and is, by name: ``train: a.png``, ``train → test: a.png → b.png``."""
    ends = [at for at in (old, new) if at]
    splits, images = (" → ".join(dict.fromkeys(visible(at[key]) for at in ends)) for key in ("split", "name"))
    return f"{splits}: {images}"


def _bars(split: str, old: SplitFigures, new: SplitFigures) -> _Bars:
    """Shares, scaled so that the higher of both sides fills the box."""
    shares = [np.asarray(side.brightness, float) / max(1, sum(side.brightness)) for side in (old, new)]
    highest = max(float(side.max()) for side in shares) or 1.0
    width = 100 / len(old.brightness)

    def path(side: np.ndarray) -> str:
        steps = "".join(f"V{100 - 100 * v / highest:.1f}H{(i + 1) * width:.2f}" for i, v in enumerate(side.tolist()))
        return f"M0 100{steps}V100"

    return _Bars(split, path(shares[0]), path(shares[1]), _distance(old.brightness, new.brightness))

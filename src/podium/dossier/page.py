"""The dossier as one HTML file: no scripts, nothing loaded, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from podium.data import Dataset
from podium.dossier.facts import Dossier, Figures
from podium.dossier.words import SAID, headline, title
from podium.drift.page import p_value
from podium.evaluation.evaluate import Evaluation
from podium.gate.result import Difference
from podium.gate.verdict import Outcome
from podium.report.examination import calibrated, heat_map, looked_at
from podium.report.gallery import predictions
from podium.report.pictures import picture
from podium.report.slices import slice_chart
from podium.report.templating import environment
from podium.report.text import significant
from podium.wording import count

if TYPE_CHECKING:
    from podium.evaluation.examine import Examination

_TONE: Final[dict[Outcome, str]] = {"promote-eligible": "good", "needs-review-with-warnings": "", "blocked": "bad"}
_CLASSES: Final = 20
"""Rows of the table of recalls."""
_LABELS: Final = {
    "model": "Model files",
    "weights": "Weights",
    "package": "MLflow package",
    "data": "Data version",
    "test": "Test images and labels",
    "code": "Code",
    "commit": "Commit",
    "config": "Configuration",
    "policy": "Policy",
    "evidence": "Evidence",
    "lock": "Lock file",
    "champion": "Champion's model files",
}


@dataclass(frozen=True)
class _Chart:
    """Places in percent of the width."""

    zero: float
    margin: float
    low: float
    high: float
    at: float
    gain: str
    description: str


def render(dossier: Dossier, dataset: Dataset, challenger: Evaluation, examination: Examination | None = None) -> str:
    """Self-contained HTML; everything that comes from data or configuration is escaped.

    Args:
        dossier: What is told.
        dataset: Its test images are shown; the data version that the dossier is of.
        challenger: On its test split, for the surest mistakes.
        examination: With the findings that the dossier tells, for its pictures.

    Raises:
        ValueError: The examination is another one.
    """
    if (examination.findings if examination else None) != dossier.examination:
        raise ValueError("the examination is not the one that the dossier tells of")
    images = dataset["test"].images
    examples = [(one, picture(images[one.index], f"test image {one.index}: {one.truth}")) for one in dossier.examples]
    recalls = dossier.challenger.recalls
    classes = sorted(recalls, key=lambda name: (recalls[name] is None, recalls[name] or 0.0, name))
    bound = dossier.bound.model_dump()
    pages = environment("podium.dossier", "podium.drift")
    pages.filters["p"] = p_value
    return pages.get_template("dossier.html").render(
        dossier=dossier,
        headline=headline(dossier),
        said=SAID[dossier.outcome],
        tone=_TONE[dossier.outcome],
        title=title,
        number=_number,
        chart=_chart(dossier.difference, dossier.policy["comparison"]["margin"]) if dossier.difference else None,
        examples=examples,
        mistakes=predictions(dataset, challenger)[0],
        classes=classes[:_CLASSES],
        more=max(0, len(classes) - _CLASSES),
        policy=yaml.safe_dump(dossier.policy, sort_keys=False),
        digests={label: bound[key] for key, label in _LABELS.items() if bound[key]},
        **_judged(dossier.challenger, dossier.champion),
        **_examined(dossier, dataset, examination),
    )


def _judged(challenger: Figures, champion: Figures | None) -> dict[str, Any]:
    """Of both models, on the test images."""
    sides = [
        (f"{one.candidate}, {role}", one) for role, one in (("challenger", challenger), ("champion", champion)) if one
    ]
    diagrams = [calibrated(title, one.reliability, one.ece, one.brier) for title, one in sides]
    return {
        "calibration": [diagram for found in diagrams for diagram in found],
        "slices": slice_chart(challenger.slices, champion.slices if champion else ()) if challenger.slices else None,
    }


def _examined(dossier: Dossier, dataset: Dataset, examination: Examination | None) -> dict[str, Any]:
    """What the report's own sections show, of the challenger; costs and corruptions of the champion, too."""
    name = dossier.subject.candidate
    causes = {name: dossier.unexamined} if dossier.unexamined else {}
    if dossier.champion_unexamined:
        causes["the champion"] = dossier.champion_unexamined
    rival = dossier.champion_examination
    shown: dict[str, Any] = {"selected": None, "unexamined": causes, "rival": rival, "roles": ()}
    if examination is None:
        return shown | {"examined": None, "findings": (), "heat": (), "severities": (), "looked": (), "notes": ()}
    found = examination.findings
    severities, heat = heat_map(found.robustness, dataset[found.split], rival.robustness if rival else None)
    looked = looked_at(examination, dataset[found.split])
    return shown | {
        "examined": found, "findings": [found, *([rival] if rival else [])], "heat": heat, "severities": severities,
        "looked": looked, "notes": found.notes, "roles": ("challenger", "champion") if rival else (),
    }  # fmt: skip


def _number(value: float | None) -> str:
    """Counts without decimals."""
    if value is None:
        return "–"
    return count(int(value)) if float(value).is_integer() else significant(value)


def _chart(difference: Difference, margin: float) -> _Chart:
    gain = difference.challenger - difference.champion
    least, most = min(difference.low, -margin, 0.0), max(difference.high, margin, 0.0)
    room = 0.08 * (most - least)

    def at(value: float) -> float:
        return round(100 * (value - least + room) / (most - least + 2 * room), 2)

    told, low, high = (f"{100 * value:+.2f}".replace("-", "−") for value in (gain, difference.low, difference.high))
    description = f"{told} points, interval {low} to {high}"
    return _Chart(at(0), at(-margin), at(difference.low), at(difference.high), at(gain), told, description)

"""The model card's quantitative analyses: by class, by slice, under corruptions, and what the model takes."""

from __future__ import annotations

from typing import Final

from podium.dossier.facts import Dossier, Figures
from podium.dossier.markdown import plain, table
from podium.evaluation.records import Findings
from podium.report.slices import slice_name
from podium.report.text import duration, significant
from podium.wording import count, plural

_CLASSES: Final = 100
"""Classes with a row of their own."""


def analyses(dossier: Dossier) -> str:
    """Both models on test, then what the examination found of the challenger; Markdown."""
    parts = [_on_test(dossier)]
    if dossier.examination is not None:
        parts += [_corrupted(dossier.examination, dossier.champion_examination), _taken(dossier.examination)]
    elif dossier.unexamined:
        parts.append(f"Corruptions and costs were not measured: {plain(dossier.unexamined)}")
    return "\n\n".join(parts)


def _on_test(dossier: Dossier) -> str:
    sides = [dossier.challenger] + ([dossier.champion] if dossier.champion else [])
    heads = [f"version {side.version}" + (", champion then" if side is dossier.champion else "") for side in sides]
    rows = [
        [
            f"accuracy, %, with its {100 * sides[0].level:.4g} % interval",
            *(_with_interval(s.accuracy, s.accuracy_low, s.accuracy_high) for s in sides),
        ],
        ["macro F1, %", *(f"{100 * side.macro_f1:.2f}" for side in sides)],
        ["cross-entropy, nats", *(f"{side.loss:.4f}" for side in sides)],
    ]
    if all(side.ece is not None and side.brier is not None for side in sides):
        rows.append(["expected calibration error, points", *(f"{100 * (side.ece or 0):.2f}" for side in sides)])
        rows.append(["Brier score", *(f"{side.brier:.4f}" for side in sides)])
    rows += _slices(sides)
    rows += [
        [f"recall of {plain(name)}, %", *(_recall(s, name) for s in sides)]
        for name in list(sides[0].recalls)[:_CLASSES]
    ]
    return table(["on test", *heads], rows)


def _slices(sides: list[Figures]) -> list[list[str]]:
    """Thirds by brightness and contrast; the classes have rows anyway."""
    kept = [[one for one in side.slices if one.kind != "class"] for side in sides]
    return [
        [
            f"accuracy on {slice_name(same[0])} ({count(same[0].count)}), %",
            *(
                _with_interval(one.accuracy, one.accuracy_low, one.accuracy_high) + (" weak" if one.weak else "")
                for one in same
            ),
        ]
        for same in zip(*kept, strict=False)
    ]


def _corrupted(found: Findings, rival: Findings | None) -> str:
    robust = found.robustness
    accuracies = {(one.name, one.severity): one.accuracy for one in robust.corruptions}
    severities = sorted({severity for _, severity in accuracies})
    names = dict.fromkeys(one.name for one in robust.corruptions)
    rows = [
        [name.replace("_", " "), *(f"{100 * accuracies[name, severity]:.1f}" for severity in severities)]
        for name in names
    ]
    told = f" The champion then: {100 * rival.robustness.mean_accuracy:.1f} % on average." if rival else ""
    return (
        f"Accuracy on {plural(robust.count, f'{found.split} image')} that were spoilt on purpose:"
        f" {100 * robust.mean_accuracy:.1f} % on average, {100 * robust.clean_accuracy:.1f} % of the same images as"
        f" they are.{told}\n\n"
        + table([f"on {found.split}, accuracy in %", *(f"severity {severity}" for severity in severities)], rows)
    )


def _taken(found: Findings) -> str:
    cost, gap, timing = found.cost, found.gap, found.cost.timing
    facts = {
        "parameters": count(cost.parameters),
        "operations to predict an image": f"{significant(cost.flops / 1e6)} million",
        "weights, MB": significant(cost.file_bytes / 1e6),
        "training": f"{duration(timing.device_seconds)} of {plain(timing.device)}",
        f"accuracy on training images less that on {found.split}, points": (
            f"{100 * (gap.train_accuracy - gap.accuracy):+.1f}"
        ),
    }
    facts |= {
        f"{plural(one.batch, 'image')} at once on {plural(timing.threads, 'CPU thread')}, ms (p50, p95)": (
            f"{significant(one.p50, 2)}, {significant(one.p95, 2)}"
        )
        for one in timing.latency
    }
    return table(["what it takes", "value"], [[name, value] for name, value in facts.items()])


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{100 * value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def _recall(side: Figures, name: str) -> str:
    value = side.recalls.get(name)
    return "no images" if value is None else f"{100 * value:.2f}"

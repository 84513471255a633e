"""The report as one HTML file: no scripts, nothing loaded, readable in a sandboxed iframe, light and dark."""

from __future__ import annotations

from podium.report import confusion, examination, gallery, text
from podium.report.comparison import comparison
from podium.report.curves import curves
from podium.report.inputs import RunReport
from podium.report.slices import slice_chart
from podium.report.templating import environment

_CLASSES_IN_VIEW = 20
"""Longer per-class tables are folded after so many rows."""


def render_report(inputs: RunReport) -> str:
    """Render the report. Everything in it that comes from data or configuration is escaped.

    Raises:
        ValueError: The augmented samples cannot be drawn for this configuration.
    """
    board = inputs.leaderboard
    order = [row.recipe for row in board.candidates]
    completed = [row for row in board.candidates if row.status == "completed"]
    shown = inputs.shown
    metrics = shown[0].metrics if shown else None
    mistakes, hits = gallery.predictions(inputs.dataset, shown[0]) if shown else ((), ())
    augmented, plain = gallery.augmented_samples(inputs.dataset, inputs.candidates, order, inputs.seed)
    rows = confusion.class_rows(metrics) if metrics else ()
    histories = curves(inputs.summaries[name] for name in order if name in inputs.summaries)
    found = inputs.examinations.get(board.selected) if board.selected else None
    severities, heat = (
        examination.heat_map(found.findings.robustness, inputs.dataset[found.findings.split]) if found else ((), ())
    )
    page = environment().get_template("page.html")
    return page.render(
        board=board,
        completed=completed,
        failed=[row for row in board.candidates if row.status == "failed"],
        winner=next((row for row in completed if row.recipe == board.selected), None),
        shown_split=shown[1] if shown else None,
        metrics=metrics,
        headline=headline(inputs),
        review=inputs.review,
        comparison=comparison(
            order,
            board.selected,
            {name: entry.metrics for name, entry in inputs.validation.items()},
            {name: entry.metrics for name, entry in inputs.test.items()},
        ),
        curves=histories,
        across=_across(len(histories)),
        matrix=confusion.matrix(metrics) if metrics else None,
        confusions=confusion.confusions(metrics) if metrics else (),
        class_rows=rows[:_CLASSES_IN_VIEW],
        folded_class_rows=rows[_CLASSES_IN_VIEW:],
        calibration=examination.calibrated("", metrics.reliability, metrics.ece, metrics.brier) if metrics else (),
        examined=found.findings if found else None,
        selected=board.selected,
        slices=slice_chart(found.findings.slices) if found else None,
        severities=severities,
        heat=heat,
        looked=examination.looked_at(found, inputs.dataset[found.findings.split]) if found else (),
        notes=found.findings.notes if found else (),
        findings=[inputs.examinations[name].findings for name in order if name in inputs.examinations],
        unexamined=inputs.unexamined,
        rival=None,
        roles=(),
        samples=gallery.class_samples(inputs.dataset),
        augmented=augmented,
        plain=plain,
        mistakes=mistakes,
        hits=hits,
        manifest=inputs.dataset.manifest,
        checks=inputs.checks,
        warnings=inputs.warnings,
        lineage=inputs.lineage,
        commands=inputs.commands,
    )


def headline(inputs: RunReport) -> str:
    """The run in one sentence: ``resnet20 won with 98.9 % [98.1, 99.3] on 270 test images; review requested``."""
    board = inputs.leaderboard
    if not any(row.status == "completed" for row in board.candidates):
        return "No candidate completed"
    shown = inputs.shown
    if shown is None:
        return "No candidate was selected"
    metrics = shown[0].metrics
    figure = (
        f"{text.percent(metrics.accuracy)}{text.THIN}% {text.interval(metrics.accuracy_low, metrics.accuracy_high)}"
    )
    images = text.plural(metrics.count, f"{shown[1]} image")
    return f"{board.selected} won with {figure} on {images}; {inputs.review}"


def _across(number: int) -> int:
    """Columns for so many small charts, up to four, such that the last row is as full as can be."""
    return number if number <= 4 else min((4, 3), key=lambda columns: -number % columns)

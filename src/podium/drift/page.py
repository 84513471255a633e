"""The drift report as a page: self-contained, static HTML that also works in a sandboxed frame."""

from __future__ import annotations

from typing import Any, Final

from podium.drift.detect import Evidence
from podium.drift.pictures import gallery
from podium.drift.pixels import PIXEL_STATISTICS
from podium.drift.plots import class_bars, histogram
from podium.drift.results import DriftReport
from podium.report.templating import environment

CLASSES: Final = 40
"""Classes with bars; of more, those whose shares changed most."""


def render_page(report: DriftReport, evidence: Evidence) -> str:
    """Draw a report: the decision, the tests, pictures, distributions and class shares.

    Args:
        report: The tests.
        evidence: What they were made on.

    Returns:
        A complete HTML document without scripts or outside references. All names in it are escaped.
    """
    pages = environment("podium.drift")
    pages.filters["p"] = p_value
    shown = gallery(report, evidence)
    classes = evidence.classes
    context: dict[str, Any] = {
        "report": report,
        "head": "Drift" if report.drift else "No drift",
        "sides": (("reference", report.reference), ("current", report.current)),
        "gallery": shown,
        "scores": histogram("scores", shown.reference_scores, shown.current_scores) if evidence.embedding else None,
        "panels": [
            (
                next(test for test in report.tests if test.name == name),
                histogram(statistic.title, evidence.reference_pixels[name], evidence.current_pixels[name]),
            )
            for name, statistic in PIXEL_STATISTICS.items()
        ],
        "bars": class_bars(classes.names, classes.counts, CLASSES) if classes else (),
        "predicted": any(test.name == "predictions" for test in report.tests),
        "class_count": len(classes.names) if classes else 0,
    }
    return pages.get_template("drift.html").render(context)


def p_value(value: float) -> str:
    """``0.032``, ``1``, and ``< 0.001`` for what is smaller."""
    if value < 0.001:
        return "< 0.001"
    return "1" if value > 0.9995 else f"{value:.3f}"

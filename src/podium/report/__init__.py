"""Pictures and the self-contained HTML report of a run."""

from podium.report.inputs import Command, RunReport
from podium.report.render import headline, render_report

__all__ = ["Command", "RunReport", "headline", "render_report"]

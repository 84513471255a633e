"""Validation of a data set: Great Expectations over figures of its images."""

from podium.validation.page import render_report
from podium.validation.refuse import ensure_valid
from podium.validation.results import CheckResult, OffendingImage, Severity, ValidationReport
from podium.validation.run import validate_dataset

__all__ = [
    "CheckResult",
    "OffendingImage",
    "Severity",
    "ValidationReport",
    "ensure_valid",
    "render_report",
    "validate_dataset",
]

"""Validation of a data set: Great Expectations over figures of its images."""

from podium.validation.page import render_report
from podium.validation.refuse import ensure_valid
from podium.validation.results import CheckResult, OffendingImage, Severity, ValidationReport
from podium.validation.run import validate_dataset
from podium.validation.suite import Suite, load_suite

__all__ = [
    "CheckResult",
    "OffendingImage",
    "Severity",
    "Suite",
    "ValidationReport",
    "ensure_valid",
    "load_suite",
    "render_report",
    "validate_dataset",
]

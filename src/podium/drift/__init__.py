"""Drift: do today's images come from the distribution that the champion was trained for?"""

from podium.drift.config import DriftConfig, Minimum
from podium.drift.detect import compare, detect_drift, run_tests
from podium.drift.results import DriftReport

__all__ = ["DriftConfig", "DriftReport", "Minimum", "compare", "detect_drift", "run_tests"]

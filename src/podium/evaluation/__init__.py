"""Figures of trained models: metrics, selection, leaderboard."""

from podium.evaluation.compare import build_leaderboard, select
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.metrics import cross_entropy, metrics_from_probabilities, wilson_interval

__all__ = [
    "Evaluation",
    "build_leaderboard",
    "cross_entropy",
    "metrics_from_probabilities",
    "select",
    "wilson_interval",
]

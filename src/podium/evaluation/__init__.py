"""Figures of trained models: metrics, selection, leaderboard."""

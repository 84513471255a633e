"""Pipelines: which steps run, in which order, and in parallel."""

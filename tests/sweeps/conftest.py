"""Fixtures of the sweeps' tests."""

from tests.registry.fixtures import mlflow_database

__all__ = ["mlflow_database"]

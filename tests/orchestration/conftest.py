"""A small registry for what orchestration does with it."""

from tests.registry.fixtures import house, mlflow_database

__all__ = ["house", "mlflow_database"]

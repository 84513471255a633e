"""The fixtures of the registry."""

from tests.registry.fixtures import house, mlflow_database

__all__ = ["house", "mlflow_database"]

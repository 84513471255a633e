"""A registry to back up."""

from tests.registry.fixtures import database, house, mlflow_database, postgres_server

__all__ = ["database", "house", "mlflow_database", "postgres_server"]

"""What an installation's backup is of: its databases and its trees of files, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from podium.errors import BackupError
from podium.registry.zenml_variables import own_configuration
from podium.settings import Settings

MLFLOW: Final = "mlflow"
REVIEWS: Final = "reviews"
ZENML: Final = "zenml"
ZENML_STACKS: Final = "zenml_stacks"
"""The artifact store of the stacks in ``infra/stacks`` that keep it in the state folder."""
PROXIED: Final = "mlflow-artifacts:"
"""How MLflow's server calls artifacts that it passes on."""


@dataclass(frozen=True)
class Zenml:
    """Where ZenML keeps what belongs to the backup."""

    database: str | None = None
    """Its server's database; None for the store in the state folder."""
    artifacts: str | None = None
    """One more artifact store, where that is not in the state folder."""
    wanted: bool = True


@dataclass(frozen=True)
class Places:
    """Addresses; those of databases may hold a password."""

    databases: dict[str, str] = field(repr=False)
    trees: dict[str, str]


def places(settings: Settings, zenml: Zenml, artifacts: str) -> Places:
    """The places of an installation.

    Args:
        settings: Of the installation.
        zenml: As asked for.
        artifacts: Where MLflow's artifacts are: what its experiment says, or will say.

    Raises:
        BackupError: MLflow is a server, whose database is to be named.
    """
    if not settings.tracking_is_database:
        raise BackupError(
            f"{settings.tracking_uri}: the tables behind MLflow's server cannot be copied through it",
            remedy="set PODIUM_TRACKING_URI to the server's own database and PODIUM_ARTIFACT_ROOT to its artifacts",
        )
    reviews = settings.reviews
    databases = {MLFLOW: settings.tracking_uri}
    if str(reviews) != settings.tracking_uri:
        databases[REVIEWS] = reviews if isinstance(reviews, str) else f"sqlite:///{reviews}"
    trees = {MLFLOW: artifacts}
    if zenml.wanted and zenml.database:
        databases[ZENML] = zenml.database
    elif zenml.wanted:
        trees[ZENML] = own_configuration(settings.state).as_uri()
    if zenml.wanted:
        trees[ZENML_STACKS] = (settings.state / "artifacts").as_uri()
    if zenml.wanted and zenml.artifacts:
        trees["zenml_artifacts"] = zenml.artifacts
    return Places(databases, trees)

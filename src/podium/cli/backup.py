"""``podium backup`` and ``podium restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from podium.backup.places import Zenml
    from podium.settings import Settings

Database = Annotated[
    str | None,
    typer.Option(
        "--zenml-database", metavar="URI", help="Of a ZenML server: mysql://USER@HOST/DATABASE; MYSQL_PWD is read."
    ),
]
Artifacts = Annotated[
    str | None,
    typer.Option(
        "--zenml-artifacts",
        metavar="URI",
        help="ZenML's artifact store, if not in the state folder: a folder, or s3://BUCKET/PREFIX.",
    ),
]
Without = Annotated[bool, typer.Option("--no-zenml", help="Leave ZenML's store out.")]


def backup(
    to: Annotated[Path, typer.Argument(help="The folder of all backups; each gets a folder of its own there.")],
    zenml_database: Database = None,
    zenml_artifacts: Artifacts = None,
    no_zenml: Without = False,
    keep: Annotated[int | None, typer.Option(min=1, help="Give up older backups; so many are left.")] = None,
) -> None:
    """Back up MLflow's tables, the decision log, ZenML's store and the artifacts of all, in one consistent state.

    Others may go on working. Files that an earlier backup holds are not copied again. Not in it: data (`dvc push`),
    checkpoints, pages of runs.
    """
    from podium import backup as of
    from podium.settings import Settings

    settings = Settings.from_environment()
    zenml = _zenml(settings, zenml_database, zenml_artifacts, no_zenml)
    typer.echo(f"backup: {of.take(settings, to, zenml, typer.echo, keep=keep)}")


def restore(
    backup: Annotated[Path, typer.Argument(help="A backup's folder.")],
    zenml_database: Database = None,
    zenml_artifacts: Artifacts = None,
    no_zenml: Without = False,
) -> None:
    """Restore a backup into the places that are configured now, which have to be empty; then: podium review audit."""
    from podium import backup as of
    from podium.settings import Settings

    settings = Settings.from_environment()
    manifest = of.restore(settings, backup, _zenml(settings, zenml_database, zenml_artifacts, no_zenml), typer.echo)
    typer.echo(f"restored as of {manifest.time:%Y-%m-%d %H:%M} UTC; now: podium review audit")


def _zenml(settings: Settings, database: str | None, artifacts: str | None, without: bool) -> Zenml:
    from podium.backup.places import Zenml
    from podium.errors import BackupError
    from podium.orchestration.environment import server_address

    if not without and database is None and (address := server_address(settings)):
        raise BackupError(
            f"runs are on the ZenML server {address}, whose database is not known here",
            remedy="name it with --zenml-database (and --zenml-artifacts), or leave it out: --no-zenml",
        )
    return Zenml(database, artifacts, wanted=not without)

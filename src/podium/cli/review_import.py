"""``podium review import``: a decision log moves into another database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.wording import plural


def import_log(
    file: Annotated[Path, typer.Argument(help="The SQLite file that was used so far, such as .podium/reviews.db.")],
) -> None:
    """Copy a decision log into the place that is configured now (PODIUM_REVIEWS_URI), which has to be empty.

    Its chain is verified first; events and hashes stay as they are. The file is left alone; nobody should decide on it
    any more.
    """
    from podium.registry.log import EventLog
    from podium.settings import Settings

    log = EventLog(Settings.from_environment().reviews)
    count = log.take(EventLog(file))
    typer.echo(f"{log.place}: {plural(count, 'event')} taken from {file}")

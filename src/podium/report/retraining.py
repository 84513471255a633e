"""The history of a retraining as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from podium.retraining.history import Entry
from podium.retraining.page import row

_SHOWN = 20
_STYLES = {"warm": "red", "good": "green"}


def print_history(entries: Sequence[Entry]) -> None:
    """Print the latest entries, the last one at the end. Texts come from outside, so nothing in them is markup."""
    console = Console(highlight=False)
    if not entries:
        console.print("nothing was looked at yet: podium retrain run")
        return
    table = Table("when (UTC)", "what", "told", box=None)
    for entry in entries[-_SHOWN:]:
        shown = row(entry)
        table.add_row(shown["when"], Text(shown["event"], _STYLES.get(shown["mark"], "")), Text(shown["words"]))
    console.print(table)

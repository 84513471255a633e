"""``podium review notify``: notices that did not go out."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer
from rich.console import Console

from podium.wording import plural


def notify(
    pending: Annotated[bool, typer.Option("--pending", help="Send them, each to those who have not got it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List notices that did not go out, or send them; exit status 1 if some still do not.

    JSON: {"sent": N, "pending": [{"event", "kind", "review" or "retraining", "left": [channel] or null,
    "errors": [text]}]}.
    """
    from podium.notify import outbox
    from podium.settings import Settings

    settings = Settings.from_environment()
    sent = outbox.send_pending(settings) if pending else 0
    left = outbox.pending(settings)
    if json:
        told = [
            {
                **e.notice.model_dump(include={"event", "kind", "review", "retraining"}),
                "left": e.left,
                "errors": e.errors,
            }
            for e in left
        ]
        typer.echo(json_module.dumps({"sent": sent, "pending": told}, indent=2, ensure_ascii=False))
    else:
        console = Console()
        for entry in left:
            what = f"{entry.notice.about}: {'; '.join(entry.errors) or 'on its way'}"
            console.print(what, soft_wrap=True, markup=False, highlight=False)
        console.print(f"{plural(sent, 'notice')} sent, {len(left)} pending")
    if pending and left:
        raise typer.Exit(1)

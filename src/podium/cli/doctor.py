"""``podium doctor``: is this machine fit, and what to do where it is not."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

_MARKS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "bold red"), "skipped": ("–", "dim")}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check packages, device, disk, clock, configuration, git, data, weights, decisions, registry and stack.

    Nothing is changed. Exit status 1 where something will fail; warnings alone are 0.
    """
    from rich.console import Console
    from rich.text import Text

    from podium.doctor.checks import examine
    from podium.settings import Settings

    console = Console(highlight=False, soft_wrap=True)
    findings = {}
    for name, found in examine(Settings.from_environment()):
        findings[name] = found
        if as_json:
            continue
        mark, style = _MARKS[found.status]
        console.print(Text.assemble((f"{mark} {name:<14}", style), found.told))
        if found.remedy:
            console.print(Text(f"{'':16}→ {found.remedy}", style))
    if as_json:
        typer.echo(json.dumps({name: found.model_dump() for name, found in findings.items()}, indent=2))
    if any(found.status == "error" for found in findings.values()):
        raise typer.Exit(1)

"""``podium data diff``: what changed between two versions of the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_CLASSES: Final = 20
_EXAMPLES: Final = 3


def diff(
    old: Annotated[str, typer.Argument(metavar="REV1", help="A git revision such as HEAD~1, or a data set's folder.")],
    new: Annotated[
        str | None, typer.Argument(metavar="[REV2]", help="Likewise; the checkout's data/ unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write a page with pictures to this HTML file.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Images that --json lists of each kind of change.")] = 100,
) -> None:
    """Compare two versions of the data set: counts, classes, images, distributions.

    A revision's bytes come from DVC's cache, or else from its remote, or from the embedded digits; the working tree
    stays as it is. Exit status 0: compared, 1: a data set is damaged or out of reach, 2: no such version, or no place
    for the report.
    """
    import json

    from rich.console import Console

    from podium import atomic
    from podium.cli.outputs import ensure_writable
    from podium.data.diff import compare
    from podium.data.revisions import open_revision
    from podium.report.data_diff import render_diff, summary
    from podium.settings import Settings

    ensure_writable(report=report)
    settings = Settings.from_environment()
    record = settings.root / "data.dvc"
    with open_revision(old, settings.data, record) as before, open_revision(new, settings.data, record) as after:
        found = compare(before.dataset, after.dataset)
        content = summary(found, before, after, limit=limit if as_json else _EXAMPLES)
        if report:
            atomic.write_text(report, render_diff(found, before, after))
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        _print(Console(), content)
    if report:
        typer.echo(f"report: {report}", err=as_json)


def _print(console: Console, content: dict[str, Any]) -> None:
    """Names come from data, so they are no markup."""
    from rich.text import Text

    for sign, side in (("-", content["old"]), ("+", content["new"])):
        commit = f" (commit {side['commit'][:12]})" if side["commit"] else ""
        facts = f"{side['name']}, {side['width']}×{side['height']}, digest {side['digest'][:12]}"
        console.print(Text(f"{sign} {side['revision']}{commit}: {facts}"), soft_wrap=True)
    if content["identical"]:
        console.print("the same data set")
        return
    for table in (_counts(content), _changes(content)):
        console.print()
        console.print(table)
    for key, what in (("classes_added", "classes added"), ("classes_removed", "classes removed")):
        if content[key]:
            console.print(Text(f"{what}: {', '.join(content[key])}"))
    for table in (_classes(content), _pixels(content)):
        if table.row_count:
            console.print()
            console.print(table)


def _table(*headings: str) -> Table:
    """A plain table; all columns but the first are flushed right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="right" if position else "left")
    return table


def _counts(content: dict[str, Any]) -> Table:
    from rich.text import Text

    table = _table("images", "before", "now", "change")
    before, now = content["old"]["splits"], content["new"]["splits"]
    rows = [(split, before[split], now[split]) for split in now]
    for split, was, has in (*rows, ("all", sum(before.values()), sum(now.values()))):
        table.add_row(Text(split), f"{was:,}", f"{has:,}", _signed(has - was))
    return table


def _changes(content: dict[str, Any]) -> Table:
    from rich.text import Text

    table = _table("change", "images", "such as")
    table.columns[2].justify = "left"
    table.add_row("unchanged", f"{content['unchanged']:,}", "")
    for kind, change in content["changes"].items():
        examples = "\n".join(_example(image) for image in change["images"])
        table.add_row(kind, f"{change['count']:,}", Text(examples, overflow="fold"))
    return table


def _example(image: dict[str, Any]) -> str:
    """``train: cats/a.png (cat)``; relabelled: ``train: cats/a.png → dogs/a.png (cat → dog)``."""
    from podium.report.data_diff import where

    ends = [end for end in (image["old"], image["new"]) if end]
    return f"{where(image['old'], image['new'])} ({' → '.join(dict.fromkeys(end['class'] for end in ends))})"


def _classes(content: dict[str, Any]) -> Table:
    from rich.text import Text

    from podium.report.data_diff import class_shares

    table = _table("class", "before", "now", "share before", "share now")
    rows = [row for row in class_shares(content) if row[1] != row[2]]
    for name, was, now, share_was, share_now in rows[:_CLASSES]:
        table.add_row(Text(name), f"{was:,}", f"{now:,}", f"{share_was:.2%}", f"{share_now:.2%}")
    if len(rows) > _CLASSES:
        table.add_row(f"and {len(rows) - _CLASSES:,} more")
    return table


def _pixels(content: dict[str, Any]) -> Table:
    """Mean and standard deviation per channel, where they changed."""
    table = _table("pixels", "before (R G B)", "now", "brightness moved")
    for split, own in content["distribution"].items():
        for name in ("mean", "std"):
            was, now = (" ".join(f"{value:.4f}" for value in side) for side in own[name])
            if was != now:
                table.add_row(
                    f"{split} {name}", was, now, f"{own['brightness_distance']:.1%}" if name == "mean" else ""
                )
    return table


def _signed(value: int) -> str:
    return f"{value:+,}" if value else "0"

"""``podium validate``: check the data set as a run would, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from podium.validation import ValidationReport


DEFAULT_CONFIG: Final = Path("configs/quickstart.yaml")
DEFAULT_SUITE: Final = "default"
_NAMED: Final = 4
"""Images that the terminal names of one warning."""


def validate(
    config: Annotated[
        Path | None,
        typer.Argument(
            help=f"Pipeline file: the suite, and the candidates to be trained; {DEFAULT_CONFIG} unless given.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="A suite of configs/validation, or a file. Unless given the config's; with --data and no config,"
            f" '{DEFAULT_SUITE}'.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set; the config's unless given.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report as a page to this HTML file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report as JSON to this file.")] = None,
    data_docs: Annotated[
        Path | None, typer.Option(help="Write Great Expectations' Data Docs, a static site, to this folder.")
    ] = None,
) -> None:
    """Check the data set as a run would, before anything is trained.

    Exit status: 0 fit to be trained on, 1 unreadable, 2 config, suite or output path refused,
    3 a critical expectation failed.
    """
    from podium import atomic
    from podium.cli.outputs import ensure_writable, ensure_writable_folder
    from podium.config.load import load_run_config
    from podium.data import open_dataset
    from podium.data.policy import open_configured
    from podium.models.contracts import contract_for
    from podium.models.places import weights_store
    from podium.models.recipes import resolve_candidates
    from podium.settings import Settings
    from podium.validation import ensure_valid, load_suite, render_report, validate_dataset
    from podium.validation.docs import ensure_replaceable, write_data_docs

    ensure_writable(report=report, out=out)
    ensure_writable_folder("--data-docs", data_docs)
    if data_docs:
        ensure_replaceable(data_docs)
    settings = Settings.from_environment()
    file = settings.find(config or DEFAULT_CONFIG)
    run = load_run_config(file)
    candidates = resolve_candidates(run, settings.recipes, file=file)
    configured = DEFAULT_SUITE if data and not config else run.validation.suite
    expected = load_suite(suite or configured, settings.root)
    dataset = open_dataset(data) if data else open_configured(run, settings.root, file=file)
    dataset.verify()
    weights = weights_store(settings)
    contracts = {candidate.name: contract_for(candidate, dataset.manifest, weights) for candidate in candidates}
    result = validate_dataset(dataset, expected, contracts)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        _print(result)
    if report:
        atomic.write_text(report, render_report(result, dataset))
        typer.echo(f"page: {report}", err=as_json)
    if out:
        atomic.write_text(out, result.model_dump_json(indent=2) + "\n")
        typer.echo(f"report as JSON: {out}", err=as_json)
    if data_docs:
        write_data_docs(result, expected, data_docs)
        typer.echo(f"Data Docs: {data_docs / 'index.html'}", err=as_json)
    ensure_valid(result, dataset, settings.state / "validation" / result.data_digest[:12])


def _print(result: ValidationReport) -> None:
    """One line an expectation, and what failed below. Messages hold names from the data, so they are no markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from podium.report.text import visible

    styles = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
    table = Table("expectation", "splits and candidates", "outcome")
    for name in dict.fromkeys(r.name for r in result.results):
        members = [r for r in result.results if r.name == name]
        failed = [severity for severity in styles if any(not r.success and r.severity == severity for r in members)]
        outcome = Text(failed[0], styles[failed[0]]) if failed else Text("ok", "green")
        table.add_row(Text(members[0].title), str(len(members)), outcome)
    console = Console()
    console.print(table)
    for severity in ("warning", "info"):
        for r in result.failed(severity):
            where = f"{r.title}, {r.split}" + (f", {r.subject}" if r.subject else "")
            console.print(Text.assemble((severity, styles[severity]), f" {where}: {r.message}"))
            for image in r.offending[:_NAMED]:
                console.print(Text(f"  {visible(image.place)}: {visible(image.reason)}"))
            if r.offending_count > _NAMED:
                console.print(Text(f"  … and {r.offending_count - _NAMED:,} more"))
    if result.passed:
        verdict = f"{result.data_name} ({result.data_digest[:12]}) may be trained on, says the suite {result.suite}"
        console.print(Text(verdict, "green"))

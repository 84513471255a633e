"""``podium drift``: do new images come from the distribution that the champion was trained for?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from podium.cli.predict import Model

if TYPE_CHECKING:
    from podium.drift import DriftConfig, DriftReport
    from podium.drift.features import FeatureSource
    from podium.settings import Settings

DRIFT: Final = 4
"""Exit status; a retraining trigger waits for it."""


class Splits(StrEnum):
    """Of a data set."""

    HELD_OUT = "held-out"
    ALL = "all"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Features(StrEnum):
    """Where the embedding comes from."""

    CHAMPION = "champion"
    BACKBONE = "backbone"
    NONE = "none"


_SPLITS_HELP = "Splits of a data set; held-out: validation and test, which the champion was not trained on."


def drift(
    reference: Annotated[
        str, typer.Option(help="What images should be like: a data set, a git revision of it, parquet, image files.")
    ],
    current: Annotated[
        str,
        typer.Option(
            help="New images: a data set, a folder of image files (in class folders, if there are labels), or parquet."
        ),
    ],
    report: Annotated[Path | None, typer.Option(help="Write a page with pictures to this HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    alpha: Annotated[float | None, typer.Option(help="Level of all tests together; 0.05 unless given.")] = None,
    model: Model = None,
    version: Annotated[str, typer.Option(help="A version's number or an alias.")] = "champion",
    features: Annotated[Features, typer.Option(help="Where the embedding comes from.")] = Features.CHAMPION,
    sample: Annotated[int | None, typer.Option(help="Most images a side; 2000 unless given.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of samples and permutations; 0 unless given.")] = None,
    reference_splits: Annotated[Splits, typer.Option(help=_SPLITS_HELP)] = Splits.HELD_OUT,
    current_splits: Annotated[Splits, typer.Option(help="The same for the current images.")] = Splits.HELD_OUT,
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file with `alpha`, `sample`, `seed`, `permutations`, `minimum`, `unreadable`."),
    ] = None,
) -> None:
    """Compare new images with a reference.

    Exit status 0: no drift, 4: drift, or more than 1 % of the current images cannot be decoded, 2: an argument or what
    it names was refused, 1: another error, such as no champion (--features backbone and --features none need none).
    """
    from podium import atomic
    from podium.cli.deciding import settings_of_decisions
    from podium.cli.outputs import ensure_writable
    from podium.drift import detect_drift
    from podium.drift.opening import open_population
    from podium.errors import ConfigError, DataError

    ensure_writable(report=report)
    settings = settings_of_decisions()
    chosen = _config(config, {"alpha": alpha, "sample": sample, "seed": seed})
    record = settings.root / f"{settings.data.name}.dvc"
    try:
        with (
            open_population(
                reference, reference_splits.value, data=settings.data, record=record, revisions=True
            ) as before,
            open_population(
                current,
                current_splits.value,
                data=settings.data,
                record=record,
                revisions=False,
                classes=before.class_names,
            ) as now,
        ):
            source = _features(settings, features, model, version)
            result, evidence = detect_drift(before, now, source, chosen)
    except DataError as error:  # an argument was refused: a trigger must tell that from drift and from a failure
        raise ConfigError(error.message, remedy=error.remedy) from None
    if report:
        from podium.drift.page import render_page

        atomic.write_text(report, render_page(result, evidence))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        _print(result)
    if report:
        typer.echo(f"report: {report}", err=as_json)
    if result.drift:
        raise typer.Exit(DRIFT)


def _config(file: Path | None, options: dict[str, float | int | None]) -> DriftConfig:
    """Options win over the file, the file over the defaults."""
    from podium.config.load import load_yaml, parse
    from podium.drift import DriftConfig

    raw = load_yaml(file) if file else {}
    given = {key: value for key, value in options.items() if value is not None}
    return parse(DriftConfig, {**raw, **given}, file or "podium drift")


def _features(settings: Settings, features: Features, model: str | None, version: str) -> FeatureSource | None:
    from podium.drift.features import backbone_features, champion_features
    from podium.errors import RegistryError
    from podium.models.places import weights_store
    from podium.registry.champion import load_champion_bundle, model_name

    if features is Features.NONE:
        return None
    if features is Features.BACKBONE:
        return backbone_features(weights_store(settings))
    try:
        name = model_name(settings, model)
        bundle, number = load_champion_bundle(settings, name, version)
    except RegistryError as error:
        raise type(error)(
            error.message,
            remedy=f"{error.remedy}; or compare without it: `--features backbone` (pretrained network that comes with"
            " Podium) or `--features none` (labels and pixel statistics alone)",
        ) from None
    return champion_features(bundle, f"{name} version {number}")


def _print(report: DriftReport) -> None:
    """A table of the tests and the decision. Names come from the data, so nothing of them is markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from podium.drift.page import p_value

    styles = {"drift": "bold red", "small": "yellow", "none": "green"}
    table = Table("test", "p", "adjusted", "effect", "minimum", "detectable", "verdict")
    for test in report.tests:
        table.add_row(
            test.name,
            p_value(test.p_value),
            p_value(test.p_adjusted),
            f"{test.effect:.3f}",
            f"{test.effect_minimum:g}",
            "–" if test.detectable is None else f"{test.detectable:.3f}",
            Text(test.verdict, styles[test.verdict]),
        )
    console = Console(highlight=False)
    console.print(table)
    for title, side in (("reference", report.reference), ("current", report.current)):
        console.print(Text(f"{title}: {side.compared:,} of {side.count:,} images of {side.name}"))
    if report.unreadable.count:
        console.print(Text(f"unreadable: {report.unreadable.words}", styles[report.unreadable.verdict]))
    skipped = (f"{one.name}: {one.reason}" for one in report.skipped)
    for line in (*skipped, *report.notes, *report.warnings):
        console.print(Text(line, "yellow"))
    console.print(Text(report.sentence, "bold red" if report.drift else "green"))

"""What ``podium recipes`` prints on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from podium.config import Frozen, RecipeConfig, TrainerConfig

if TYPE_CHECKING:
    from podium.models.layer_table import LayerTable

_ALWAYS = ("epochs", "batch_size", "optimizer", "learning_rate")
"""Settings of the trainer that are shown whether or not they are the defaults."""

_ROOMY = 90
"""Columns of a terminal in which the list's seven have two spaces between them."""


def render_list(rows: Sequence[Mapping[str, Any]], side: int, classes: int) -> None:
    """All recipes, one line each."""
    console = Console()
    numbers = ("input", "parameters", "trainable", "published")
    table = _table(("id", "source", "family"), numbers, gap=int(console.width >= _ROOMY))
    for row in rows:
        published = row["published_accuracy"]
        table.add_row(
            *(Text(row[key]) for key in ("id", "source", "family")),
            _size(row["input_size"]),
            *("–" if row[key] is None else f"{row[key]:,}" for key in ("parameters", "trainable_parameters")),
            "–" if published is None else f"{published:.4f}",
        )
    console.print(table)
    told = f"Counted for {side}×{side} images of {classes} classes, resized where the input is another."
    console.print(Text(told, style="dim"))


def render_recipe(
    recipe: RecipeConfig, header: Mapping[str, str], table: LayerTable, size: tuple[int, int], classes: int
) -> None:
    """One recipe: what its file says of itself, its layers, and how it is trained."""
    console = Console(highlight=False)
    console.print(Text(recipe.id, style="bold"))
    console.print(_pairs(header))
    layers = _table(("layer", "type", "output"), ("parameters", "FLOPs"))
    for layer in table.layers:
        layers.add_row(
            Text(layer.name),
            Text(layer.type),
            "×".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}" if layer.parameters else "",
            _flops(layer.flops) if layer.flops else "",
        )
    console.print(layers)
    views = recipe.model.views
    seen = f", {views} times that in evaluation, which averages {views} views" if views > 1 else ""
    sums = {
        "input": f"{size[0]}×{size[1]} RGB, {classes} classes",
        "parameters": f"{table.parameters:,}, of which {table.trainable_parameters:,} are trained",
        "FLOPs": f"{_flops(table.flops)} for an image, forwards (two for each multiply-add){seen}",
    }
    console.print(_pairs(sums))
    console.print(Text("\ntrainer", style="bold"))
    console.print(_pairs(dict(_settings(recipe.trainer))))


def _settings(trainer: TrainerConfig) -> Iterator[tuple[str, str]]:
    """The basic settings, and those that differ from the defaults, by dotted path."""
    yield from ((name, str(getattr(trainer, name))) for name in _ALWAYS)
    for path, value in _differences(trainer, TrainerConfig()):
        if path not in _ALWAYS:
            yield path, str(value).lower() if isinstance(value, bool) else str(value)


def _differences(value: Frozen, default: Frozen | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields that differ; all fields of a block that is left out by default."""
    for name in type(value).model_fields:
        path, mine = f"{prefix}{name}", getattr(value, name)
        usual = getattr(default, name) if default else None
        if default and mine == usual:
            continue
        if isinstance(mine, Frozen):
            yield from _differences(mine, usual if isinstance(usual, Frozen) else None, f"{path}.")
        elif mine is not None:
            yield path, mine


def _table(texts: Sequence[str], numbers: Sequence[str], gap: int = 1) -> Table:
    """Narrow enough for 80 columns; what is too long is wrapped, never cut. ``gap`` is added to one space a column."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _pairs(pairs: Mapping[str, str]) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in pairs.items():
        table.add_row(Text(name), Text(text))
    return Padding(table, (0, 0, 0, 2))


def _size(size: Sequence[int]) -> str:
    """Height and width, once where they are the same."""
    return "×".join(map(str, size if size[0] != size[1] else size[:1]))


def _flops(count: int) -> str:
    for factor, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return str(count)

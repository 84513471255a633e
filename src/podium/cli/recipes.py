"""``podium recipes``: the networks that can be trained."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Show the recipes: networks with the way they are trained.")

CLASSES = 10
SIDE = 32
"""Parameters are counted for the reference systems' images: 32×32, 10 classes."""


@app.callback()
def recipes() -> None:
    """Show the recipes: networks with the way they are trained."""


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all recipes; parameters are counted for 32×32 images of 10 classes."""
    import json

    rows = _rows()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "source", "family", "input", "parameters", "trainable", "published")
    for row in rows:
        published = row["published_accuracy"]
        table.add_row(
            row["id"],
            row["source"],
            row["family"],
            "×".join(map(str, row["input_size"])),
            f"{row['parameters']:,}",
            f"{row['trainable_parameters']:,}",
            "–" if published is None else f"{published:.4f}",
        )
    Console().print(table)


def _rows() -> list[dict]:
    from podium.contract import InputContract
    from podium.models import count_parameters, skeleton
    from podium.models.recipes import list_recipes
    from podium.settings import Settings

    names = tuple(str(i) for i in range(CLASSES))
    contract = InputContract(height=SIDE, width=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3, class_names=names)
    rows = []
    for recipe in list_recipes(Settings.from_environment().recipes):
        total, trainable = count_parameters(skeleton(recipe.model, contract))
        rows.append(
            {
                "id": recipe.id,
                "source": recipe.source,
                "family": recipe.model.family,
                "input_size": [SIDE, SIDE],
                "parameters": total,
                "trainable_parameters": trainable,
                "published_accuracy": recipe.published_accuracy,
            }
        )
    return rows

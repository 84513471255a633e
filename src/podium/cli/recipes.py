"""``podium recipes``: the networks that can be trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from podium.config import RecipeConfig
    from podium.contract import InputContract

app = typer.Typer(no_args_is_help=True, help="Show the recipes: networks with the way they are trained.")

CLASSES = 10
SIDE = 32
"""Parameters are counted for the reference systems' images: 32×32, 10 classes."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def recipes() -> None:
    """Show the recipes: networks with the way they are trained."""


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List all recipes; parameters are counted for 32×32 images of 10 classes."""
    from rich.console import Console
    from rich.progress import track

    from podium.models.kept_counts import count_all
    from podium.models.recipes import list_recipes
    from podium.settings import Settings

    settings = Settings.from_environment()
    recipes = list_recipes(settings.recipes)
    counting = count_all([recipe.model for recipe in recipes], contract_of((SIDE, SIDE), CLASSES), settings.counts)
    console = Console(stderr=True)
    told = track(
        counting, "Counting parameters", len(recipes), console=console, transient=True, disable=not console.is_terminal
    )
    rows: list[dict[str, Any]] = []
    for recipe, counts in zip(recipes, list(told), strict=True):
        if counts.refused:
            typer.echo(f"warning: {settings.recipes / f'{recipe.id}.yaml'}: {counts.refused}", err=True)
        rows.append(
            {
                "id": recipe.id,
                "source": recipe.source,
                "family": recipe.model.family,
                "input_size": input_size(recipe, (SIDE, SIDE)),
                "parameters": counts.total,
                "trainable_parameters": counts.trainable,
                "published_accuracy": recipe.published_accuracy,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from podium.cli.recipes_view import render_list

    render_list(rows, SIDE, CLASSES)


@app.command("show")
def show(
    recipe: Annotated[str, typer.Argument(metavar="ID", help="A recipe, as `podium recipes list` names it.")],
    size: Annotated[str, typer.Option(metavar="N|HxW", help="Height and width of the images in pixels.")] = str(SIDE),
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = CLASSES,
    as_json: AsJson = False,
) -> None:
    """Show a recipe's network layer by layer, and how it is trained."""
    from dataclasses import asdict

    from podium.cli.data_policy import parse_size
    from podium.errors import ConfigError
    from podium.models.layer_table import layer_table
    from podium.models.recipes import load_recipe, recipe_header
    from podium.settings import Settings

    images = parse_size(size)
    folder = Settings.from_environment().recipes
    config = load_recipe(recipe, folder)
    header = recipe_header(recipe, folder)
    try:
        table = layer_table(config.model, contract_of(images, classes))
    except ConfigError as error:
        raise ConfigError(f"{folder / f'{recipe}.yaml'}: {error.message}", remedy=error.remedy) from None
    if as_json:
        document = {
            "id": config.id,
            "source": config.source,
            "family": config.model.family,
            "input_size": input_size(config, images),
            "classes": classes,
            **asdict(table),
            "views": config.model.views,
            "published_accuracy": config.published_accuracy,
            "options": config.model.options,
            "trainer": config.trainer.model_dump(mode="json"),
            "header": header,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    from podium.cli.recipes_view import render_recipe

    render_recipe(config, header, table, images, classes)


def input_size(recipe: RecipeConfig, size: tuple[int, int]) -> list[int]:
    """Height and width that a recipe's network computes with, for images of such a size."""
    own = recipe.model.options.get("input_size")
    return [own, own] if own else list(size)


def contract_of(size: tuple[int, int], classes: int) -> InputContract:
    """Some contract of that size; its normalization changes no count."""
    from podium.contract import InputContract

    names = tuple(str(i) for i in range(classes))
    return InputContract(height=size[0], width=size[1], mean=(0.5,) * 3, std=(0.25,) * 3, class_names=names)

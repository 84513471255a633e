"""``podium predict``: classify image files with the promoted model."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from podium.bundle import Bundle

Model = Annotated[
    str | None,
    typer.Option(help="Name of the registered model; needed if there are several.", envvar="PODIUM_MODEL"),
]

_BATCH = 64
"""Images in memory at a time, at the network's size."""


def predict(
    images: Annotated[
        list[Path], typer.Argument(help="Image files, folders of them, or patterns such as 'cats/*.jpg'.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    version: Annotated[str, typer.Option(help="A version's number or an alias.")] = "champion",
    model: Model = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
) -> None:
    """Classify images of any size and mode with the champion. Exit status 1 if a file could not be read.

    JSON: {"model": NAME, "version": N, "predictions": [{"file", "class", "probability", "top": [{"class",
    "probability"}, ...]} or {"file", "error"}]}, in the order of the files.
    """
    from podium.cli.deciding import settings_of_decisions
    from podium.registry.champion import load_champion_bundle, model_name

    settings = settings_of_decisions()
    model = model_name(settings, model)
    bundle, number = load_champion_bundle(settings, model, version)
    predictions = classify(bundle, expand(images), top=top)
    if json:
        answer = {"model": model, "version": number, "predictions": predictions}
        typer.echo(json_module.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print(predictions, f"{model} version {number}")
    if any("error" in prediction for prediction in predictions):
        raise typer.Exit(1)


def expand(arguments: list[Path]) -> list[Path]:
    """Replace folders by the images below them and patterns by what they match; keep other names as they are.

    Raises:
        DataError: A folder holds no image, or a pattern matches nothing.
    """
    import glob

    from PIL import Image

    from podium.errors import DataError

    known = {suffix for suffix, name in Image.registered_extensions().items() if name in Image.OPEN}
    files: list[Path] = []
    for argument in arguments:
        if argument.is_dir():
            found = sorted(p for p in argument.rglob("*") if p.suffix.lower() in known and p.is_file())
        elif not argument.exists() and glob.has_magic(str(argument)):
            found = sorted(Path(name) for name in glob.glob(str(argument), recursive=True) if Path(name).is_file())
        else:
            found = [argument]
        if not found:
            raise DataError(f"{argument}: no images there", remedy="name image files, or a folder that holds some")
        files += found
    return files


def classify(bundle: Bundle, files: list[Path], *, top: int) -> list[dict[str, Any]]:
    """Classify files; one that cannot be read gets an ``error`` and does not stop the others.

    Args:
        bundle: The model.
        files: Image files of any size and mode.
        top: Number of classes in each ``top``.

    Returns:
        One JSON object a file, in order.
    """
    import numpy as np

    from podium.data.images import decode_image
    from podium.errors import DataError
    from podium.training import build_from_bundle, predict_probabilities

    contract = bundle.contract
    net = build_from_bundle(bundle)
    answers: list[dict[str, Any]] = []
    for start in range(0, len(files), _BATCH):
        block: list[dict[str, Any]] = [{"file": str(file)} for file in files[start : start + _BATCH]]
        decoded = []
        for answer in block:
            try:
                image = decode_image(
                    Path(answer["file"]), height=contract.height, width=contract.width, resize=contract.resize
                )
                decoded.append((answer, image))
            except DataError as error:
                answer["error"] = error.message
        if decoded:
            probabilities = predict_probabilities(net, np.stack([image for _, image in decoded]), contract)
            for (answer, _), row in zip(decoded, probabilities, strict=True):
                ranked = [
                    {"class": contract.class_names[i], "probability": round(float(row[i]), 6)}
                    for i in np.argsort(-row, kind="stable")[:top]
                ]
                answer.update(ranked[0], top=ranked)
        answers += block
    return answers


def _print(predictions: list[dict[str, Any]], title: str) -> None:
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[dim]{escape(title)}[/]")
    for prediction in predictions:
        if "error" in prediction:
            console.print(f"[bold red]✗[/] {escape(prediction['error'])}")
            continue
        others = ", ".join(f"{escape(o['class'])} {o['probability']:.1%}" for o in prediction["top"][1:])
        console.print(
            f"{escape(prediction['file'])}  [bold]{escape(prediction['class'])}[/] {prediction['probability']:.1%}"
            + (f"  [dim]{others}[/]" if others else "")
        )

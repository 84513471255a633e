"""Stop on critical failures: say which images, and draw them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from podium import atomic
from podium.data import Dataset
from podium.errors import ValidationFailed
from podium.report.text import visible
from podium.validation.results import CheckResult, OffendingImage, ValidationReport

PICTURE: Final = "offending-images.png"
_COLUMNS: Final = 6
_TILE: Final = 152
_LINE: Final = 15
_LINES: Final = 4
_MARGIN: Final = 12
_PER_CHECK: Final = 12
_LISTED: Final = 8


def ensure_valid(report: ValidationReport, dataset: Dataset, folder: Path) -> None:
    """Return if no critical expectation failed; otherwise draw the images concerned and raise.

    Args:
        report: Of this data set.
        dataset: Where the images are taken from.
        folder: Gets ``offending-images.png``, unless the failures are about no image in particular.

    Raises:
        ValidationFailed: Names the failed checks, the first images of each, and the picture.
    """
    failures = report.failed("critical")
    if not failures:
        return
    lines = [f"  {_line(result)}" for result in failures[:_LISTED]]
    if len(failures) > _LISTED:
        lines.append(f"  … and {len(failures) - _LISTED} more")
    if any(result.offending for result in failures):
        picture = folder / PICTURE
        atomic.write_bytes(picture, contact_sheet(failures, dataset))
        lines.append(f"  a picture of the images: {picture}")
    plural = "s" if len(failures) > 1 else ""
    raise ValidationFailed(
        "\n".join(
            [f"{report.data_name} ({report.data_digest[:12]}): {len(failures)} critical failure{plural}", *lines]
        ),
        remedy=f"correct the images and import them again, or change the bounds in the suite {report.suite!r}"
        " (or in one that extends it, named by `validation.suite` of the run's config)",
    )


def _line(result: CheckResult) -> str:
    where = f"{result.title}, {result.split}" + (f", {result.subject}" if result.subject else "")
    images = [f"{image.place}: {image.reason}" for image in result.offending[:_LISTED]]
    more = [f"… and {result.offending_count - _LISTED:,} more"] if result.offending_count > _LISTED else []
    return "\n      ".join([f"{where}: {result.message}", *map(visible, images), *more])


def contact_sheet(results: tuple[CheckResult, ...], dataset: Dataset) -> bytes:
    """Draw the first offending images of each result, with split, index, label, name and check: a PNG."""
    tiles = [(result, image) for result in results for image in result.offending[:_PER_CHECK]]
    rows = -(-len(tiles) // _COLUMNS)
    width = _MARGIN + min(len(tiles), _COLUMNS) * (_TILE + _MARGIN)
    height = _MARGIN + rows * (_TILE + _LINES * _LINE + _MARGIN + 4)
    sheet = Image.new("RGB", (width, height), "#fcfbf9")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for i, (result, image) in enumerate(tiles):
        left = _MARGIN + i % _COLUMNS * (_TILE + _MARGIN)
        top = _MARGIN + i // _COLUMNS * (_TILE + _LINES * _LINE + _MARGIN + 4)
        tile = _tile(np.asarray(dataset[image.split].images[image.index]))
        sheet.paste(tile, (left + (_TILE - tile.width) // 2, top + (_TILE - tile.height) // 2))
        draw.rectangle((left - 1, top - 1, left + _TILE, top + _TILE), outline="#d6d1c7")
        for line, text in enumerate(_caption(result, image, dataset)):
            color = "#67635b" if line else "#1d1c1a"
            draw.text((left, top + _TILE + 3 + line * _LINE), _cut(text, font), fill=color, font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _caption(result: CheckResult, image: OffendingImage, dataset: Dataset) -> tuple[str, str, str, str]:
    names = dataset.manifest.class_names
    label = names[image.label] if 0 <= image.label < len(names) else f"label {image.label}"
    return f"{image.split} {image.index} · {label}", visible(image.telling_name), result.title, image.reason


def _tile(image: np.ndarray) -> Image.Image:
    """Scale to the tile's size; small images keep their square pixels."""
    picture = Image.fromarray(image)
    scale = _TILE / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a text to the width of a tile."""
    text = " ".join(text.split())
    if font.getlength(text) <= _TILE:
        return text
    while text and font.getlength(text + "…") > _TILE:
        text = text[:-1]
    return text + "…"

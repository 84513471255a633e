"""Recipe files, and the candidates of a run resolved from them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.config import Candidate, RecipeConfig, RunConfig, TrainerConfig
from podium.config.image_size import check_image_size
from podium.config.load import load_yaml, nearest, parse
from podium.config.training import TrainerFields
from podium.errors import ConfigError
from podium.models.options import has_backbone, options_of

BLOCKS = ("early_stopping", "plateau", "fine_tune", "augment", "averaging")
"""Fields of ``trainer`` that are mappings; null takes one away."""


def list_recipes(recipes_dir: Path) -> tuple[RecipeConfig, ...]:
    """Load every recipe of a folder, ordered by id. Raises ConfigError on the first that is refused."""
    return tuple(load_recipe(file.stem, recipes_dir) for file in sorted(recipes_dir.glob("*.yaml")))


def load_recipe(recipe: str, recipes_dir: Path) -> RecipeConfig:
    """Read and check one recipe.

    Raises:
        ConfigError: There is no such recipe, a key or value is refused, or it does not fit its family.
    """
    return _read(recipe, recipes_dir)[0]


def recipe_header(recipe: str, recipes_dir: Path) -> dict[str, str]:
    """What the comment at the head of a recipe file says: source, command, time, result, and what it leaves open.

    A line ``# key: text`` begins an entry; further comment lines continue it.

    Raises:
        ConfigError: There is no such recipe.
    """
    entries: dict[str, str] = {}
    key = ""
    for line in _file_of(recipe, recipes_dir).read_text().splitlines():
        if not line.startswith("#"):
            break
        text = line.removeprefix("#").strip()
        if match := re.fullmatch(r"([a-z]+):\s+(.*)", text):
            key = match[1]
            entries[key] = match[2]
        elif key:
            entries[key] += f" {text}"
    return entries


def resolve_candidates(
    config: RunConfig,
    recipes_dir: Path,
    cores: int | None = None,
    *,
    file: Path | str = "run config",
    size: tuple[int, int] | None = None,
) -> tuple[Candidate, ...]:
    """Merge recipe ← run ← candidate into fully resolved candidates, in the run's order; one for each seed.

    A mapping such as ``early_stopping`` is merged key by key; null takes it away.

    Args:
        config: The run.
        recipes_dir: Folder of recipe files.
        cores: Cores shared among the candidates; the machine's unless given.
        file: Where ``config`` came from, for messages.
        size: Height and width of the images, where they are known; those that ``config`` names unless given.

    Raises:
        ConfigError: An unknown recipe or key, a wrong value, or an impossible combination.
    """
    size = size or config.data.size
    cores = cores or len(os.sched_getaffinity(0))
    threads = config.threads or max(1, cores // (len(config.branches) * config.processes))
    _check_layer(config.trainer, file, "trainer")
    candidates: list[Candidate] = []
    for index, entry in enumerate(config.candidates):
        path = f"candidates.{index}"
        resolved = resolve_recipe(entry.recipe, [config.trainer, entry.trainer], recipes_dir, file=file, path=path)
        if size:
            check_image_size(resolved.trainer.augment, size, f"{file}: {path}.trainer")
        _check_unfreezing(resolved, config.data.size, f"{file}: {path}")
        candidates += [
            Candidate(name=name, recipe=resolved, seed=seed, threads=threads, processes=config.processes)
            for name, seed in entry.branches(config.seed).items()
        ]
    return tuple(candidates)


def _check_unfreezing(recipe: RecipeConfig, size: tuple[int, int] | None, where: str) -> None:
    tune = recipe.trainer.fine_tune
    if tune is None or (tune.stages == (1.0,) and not tune.cached_views):
        return
    from podium.models.unfreezing import check_unfreezing  # needs torch

    try:
        check_unfreezing(recipe, size)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error.message}", remedy=error.remedy) from None


def resolve_recipe(
    recipe: str, changes: Sequence[Mapping[str, Any]], recipes_dir: Path, *, file: Path | str, path: str
) -> RecipeConfig:
    """A recipe with changes of its ``trainer``, one after the other.

    Args:
        recipe: The id.
        changes: To merge; the last of them stands at ``trainer`` below ``path``.
        recipes_dir: Folder of recipe files.
        file: Where recipe and changes are named, for messages.
        path: And at which key.

    Raises:
        ConfigError: As ``resolve_candidates``.
    """
    loaded, merged = _read(recipe, recipes_dir, f"{file}: {path}.recipe")
    _check_layer(changes[-1], file, f"{path}.trainer")
    for layer in changes:
        merged = _merge(merged, layer)
    trainer = parse(TrainerConfig, merged, file, f"{path}.trainer")
    resolved = loaded.model_copy(update={"trainer": trainer})
    check_backbone(resolved, f"{file}: {path}.trainer")
    return resolved


def _read(recipe: str, recipes_dir: Path, where: str = "recipe") -> tuple[RecipeConfig, dict[str, Any]]:
    """A recipe, and its ``trainer`` as written."""
    file = _file_of(recipe, recipes_dir, where)
    raw = load_yaml(file)
    config = parse(RecipeConfig, raw, file)
    if config.id != recipe:
        raise ConfigError(f"{file}: id: {config.id!r} is not the file's name", remedy=f"set id to {recipe!r}")
    options_of(config.model, file)
    check_backbone(config, f"{file}: trainer")
    return config, raw.get("trainer") or {}


def _file_of(recipe: str, recipes_dir: Path, where: str = "recipe") -> Path:
    known = [path.stem for path in recipes_dir.glob("*.yaml")]
    if recipe not in known:
        remedy = nearest(recipe, known) if known else "check the folder"
        raise ConfigError(f"{where}: there is no recipe {recipe!r} in {recipes_dir}", remedy=remedy)
    return recipes_dir / f"{recipe}.yaml"


def check_backbone(recipe: RecipeConfig, where: str) -> None:
    """Raise ConfigError if what needs a pretrained backbone is asked of a recipe without one, or of several views."""
    if recipe.trainer.keeps_features and not has_backbone(recipe.model):
        raise ConfigError(
            f"{where}.cached_views: recipe {recipe.id!r} has no pretrained backbone whose features could be kept",
            remedy="remove cached_views, or choose a transfer recipe",
        )
    if recipe.trainer.keeps_features and recipe.model.views > 1:
        raise ConfigError(
            f"{where}.cached_views: the network averages {recipe.model.views} views of an image in evaluation, of which"
            " no features are kept",
            remedy="remove cached_views, or set model.views to 1",
        )
    if recipe.trainer.fine_tune and not has_backbone(recipe.model):
        raise ConfigError(
            f"{where}.fine_tune: recipe {recipe.id!r} has no pretrained backbone to fine-tune",
            remedy="remove fine_tune, or choose a transfer recipe",
        )


def _check_layer(layer: Mapping[str, Any], file: Path | str, prefix: str) -> None:
    """Refuse unknown keys and wrong types where they are written, before anything is merged.

    What a layer sets may make sense with the layer below alone (``momentum`` where the recipe says ``muon``).
    """
    parse(TrainerFields, {key: value for key, value in layer.items() if not _removes(key, value)}, file, prefix)


def _removes(key: str, value: Any) -> bool:
    return value is None and key in BLOCKS


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        if _removes(key, value):
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged

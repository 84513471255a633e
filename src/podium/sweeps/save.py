"""The best trial of a sweep as a recipe file whose header says where it comes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from podium import atomic
from podium.config import RecipeConfig
from podium.config.recipe import NAME
from podium.errors import ConfigError, PodiumError
from podium.models.recipes import load_recipe, resolve_recipe
from podium.sweeps.results import SweepResult, TrialResult
from podium.sweeps.space import Space


def save_recipe(result: SweepResult, file: Path, recipes_dir: Path) -> RecipeConfig:
    """Write the best trial as a recipe.

    Args:
        result: The sweep.
        file: To write; its name without ``.yaml`` becomes the recipe's id. An existing file is not replaced.
        recipes_dir: Where the recipe lies that was swept.

    Raises:
        PodiumError: No trial was completed, or the file is there.
        ConfigError: The name cannot be an id, or the swept recipe has since changed so that it refuses the values.
    """
    best = result.best_trial
    if best is None:
        raise PodiumError(
            f"sweep {result.sweep}: no trial was completed", remedy="look at the causes, and run it again"
        )
    if file.suffix != ".yaml" or not re.match(NAME, file.stem):
        raise ConfigError(
            f"{file}: its name is no id of a recipe",
            remedy="use lower-case letters, digits, _ and -, and end it with .yaml",
        )
    if file.exists():
        raise PodiumError(f"{file}: is there already", remedy="choose another name, or remove it first")
    base = resolve_recipe(result.recipe, [result.trainer], recipes_dir, file=f"sweep {result.sweep}", path="sweep")
    recipe = Space(base, {}, {}).apply(best.values, f"sweep {result.sweep}")
    source = f"{base.source}, swept from {base.id}"
    recipe = recipe.model_copy(update={"id": file.stem, "source": source, "published_accuracy": None})
    atomic.write_text(
        file, _header(result, best, source) + yaml.safe_dump(_content(recipe), sort_keys=False, width=110)
    )
    if file.resolve().parent == recipes_dir.resolve():
        load_recipe(file.stem, recipes_dir)
    return recipe


def _header(result: SweepResult, best: TrialResult, source: str) -> str:
    searched = ", ".join(f"{path} {value}" for path, value in best.values.items())
    entries = {
        "source": source,
        "command": "podium run SWEEP.yaml --pipeline pipelines.sweep.sweep_pipeline"
        f" (sweep {result.sweep}, seed {result.seed}, {len(result.trials)} trials; run {result.run})",
        "time": f"{best.seconds or 0:.0f} s for this trial on {result.hardware}",
        "result": f"validation {result.metric} {best.value:.4f} on {result.data.name}"
        f" (data {result.data.digest[:12]}), the best of {len(result.trials)} trials; test not measured",
        "trial": f"{best.number}: {searched}",
    }
    return "".join(f"# {key + ':':<9}{text}\n" for key, text in entries.items())


def _content(recipe: RecipeConfig) -> dict[str, Any]:
    """What differs from the defaults, and always how long and how fast."""
    content: dict[str, Any] = recipe.model_dump(mode="json", exclude_defaults=True)
    trainer = recipe.trainer
    always = {
        "epochs": trainer.epochs,
        "batch_size": trainer.batch_size,
        "optimizer": trainer.optimizer,
        "learning_rate": trainer.learning_rate,
    }
    content["trainer"] = always | content.get("trainer", {})
    return content

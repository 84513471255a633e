"""Recipe files and the merge recipe ← run ← candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from podium.config import Frozen, RunConfig, TrainerConfig
from podium.config.load import load_yaml
from podium.errors import ConfigError
from podium.models import recipes
from podium.models.recipes import list_recipes, load_recipe, recipe_header, resolve_candidates

from .helpers import RECIPES

FILES = sorted(RECIPES.glob("*.yaml"))


def run(*candidates: Any, **fields: Any) -> RunConfig:
    return RunConfig.model_validate({"name": "r", "candidates": candidates, **fields})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_recipe_file_says_where_it_comes_from(file: Path) -> None:
    header = recipe_header(file.stem, RECIPES)
    assert list(header)[:4] == ["source", "command", "time", "result"]
    assert all(header.values())
    recipe = load_recipe(file.stem, RECIPES)
    assert recipe.id == file.stem
    if recipe.source != "own":
        assert header["source"].startswith(f"{recipe.source} of the reference systems")
    if recipe.published_accuracy:
        assert f"{recipe.published_accuracy:.4f}".strip("0") in header["result"] + header["source"]


def test_comment_lines_of_a_header_are_joined(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("# source:  a\n# open:    b:\n#          c\nid: x\n# time: no header\n")
    assert recipe_header("x", tmp_path) == {"source": "a", "open": "b: c"}
    with pytest.raises(ConfigError, match="no recipe 'y'"):
        recipe_header("y", tmp_path)


PUBLISHED_TRAINING = [
    ("cnn_3block", {"optimizer": "adam", "early_stopping": True, "augment.flip": True}),
    ("cnn_4block_l2", {"weight_decay": 2e-4, "plateau": True, "early_stopping": True}),
    ("ladder_base", {"early_stopping": False, "augment.flip": False}),
    ("ladder_augment", {"early_stopping": False, "augment.flip": True}),
    ("ladder_early_stopping", {"early_stopping": True, "plateau": False}),
    ("ladder_deep", {"optimizer": "adam", "plateau": False}),
    ("ladder_plateau", {"optimizer": "adam", "plateau": True}),
    ("ladder_adamw", {"optimizer": "adamw", "learning_rate": 5e-4}),
    ("vgg10", {"epochs": 50, "early_stopping": True, "plateau": True}),
    ("resnet20", {"early_stopping": True, "plateau": True, "augment.flip": True}),
    ("gray_cnn_adam", {"optimizer": "adam", "early_stopping.patience": 8, "early_stopping.monitor": "accuracy"}),
    ("gray_cnn_rmsprop", {"optimizer": "rmsprop", "early_stopping.patience": 8}),
    ("deep_cnn_650k", {"batch_size": 32, "epochs": 50, "learning_rate": 1e-3, "plateau.floor": 3e-5}),
    ("deep_cnn_165k", {"epochs": 50, "learning_rate": 5e-4, "plateau.floor": 1e-5}),
    ("custom_cnn", {"batch_size": 128, "epochs": 10, "augment.flip": True, "augment.shift": 0.1}),
]


@pytest.mark.parametrize(("recipe", "settings"), PUBLISHED_TRAINING)
def test_recipes_train_as_the_reference_says(recipe: str, settings: dict[str, Any]) -> None:
    trainer = load_recipe(recipe, RECIPES).trainer
    for path, expected in settings.items():
        value: Any = trainer
        for name in path.split("."):
            value = getattr(value, name)
        assert (value is not None if isinstance(expected, bool) and value is not False else value) == expected, path


def test_the_four_recipes_of_the_first_part_are_there() -> None:
    ids = {recipe.id for recipe in list_recipes(RECIPES)}
    assert {"simple_cnn", "cnn_3block", "resnet20", "transfer_resnet20"} <= ids


class TestMerge:
    def test_candidate_wins_over_run_and_run_over_recipe(self) -> None:
        config = run(
            "cnn_3block",
            {"recipe": "cnn_3block", "name": "other", "trainer": {"epochs": 3}},
            trainer={"epochs": 2, "batch_size": 32},
        )
        first, second = resolve_candidates(config, RECIPES)
        assert (first.name, first.trainer.epochs, first.trainer.batch_size) == ("cnn_3block", 2, 32)
        assert (second.name, second.trainer.epochs, second.trainer.batch_size) == ("other", 3, 32)
        assert first.trainer.learning_rate == load_recipe("cnn_3block", RECIPES).trainer.learning_rate

    def test_blocks_are_merged_key_by_key(self) -> None:
        before = load_recipe("cnn_3block", RECIPES).trainer
        config = run("cnn_3block", trainer={"augment": {"flip": False}, "early_stopping": {"patience": 2}})
        (candidate,) = resolve_candidates(config, RECIPES)
        assert candidate.trainer.augment == before.augment.model_copy(update={"flip": False})
        assert candidate.trainer.early_stopping is not None
        assert candidate.trainer.early_stopping.patience == 2

    def test_null_takes_a_block_away(self) -> None:
        config = run("resnet20", trainer={"plateau": None, "augment": None, "schedule": "cosine"})
        (candidate,) = resolve_candidates(config, RECIPES)
        assert candidate.trainer.plateau is None
        assert not candidate.trainer.augment.flip
        assert candidate.trainer.early_stopping is not None

    def test_a_candidate_can_undo_what_the_run_sets(self) -> None:
        config = run(
            {"recipe": "simple_cnn", "trainer": {"plateau": None}},
            "cnn_3block",
            trainer={"plateau": {"patience": 1}},
        )
        first, second = resolve_candidates(config, RECIPES)
        assert first.trainer.plateau is None
        assert second.trainer.plateau is not None

    def test_seeds_and_threads(self) -> None:
        config = run("simple_cnn", {"recipe": "simple_cnn", "name": "b", "seed": 9}, seed=4)
        assert [c.seed for c in resolve_candidates(config, RECIPES)] == [4, 9]
        assert [c.threads for c in resolve_candidates(config, RECIPES, cores=7)] == [3, 3]
        assert [c.threads for c in resolve_candidates(config, RECIPES, cores=1)] == [1, 1]
        fixed = config.model_copy(update={"threads": 5})
        assert [c.threads for c in resolve_candidates(fixed, RECIPES, cores=1)] == [5, 5]
        several = config.model_copy(update={"processes": 2})
        assert [(c.threads, c.processes) for c in resolve_candidates(several, RECIPES, cores=9)] == [(2, 2)] * 2


def test_every_block_of_the_trainer_can_be_taken_away() -> None:
    blocks = {
        name
        for name, field in TrainerConfig.model_fields.items()
        if any(
            isinstance(part, type) and issubclass(part, Frozen)
            for part in (field.annotation, *get_args(field.annotation))
        )
    }
    assert blocks == set(recipes.BLOCKS)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (run("resnet2"), ["candidates.0.recipe", "'resnet2'", "did you mean 'resnet20'"]),
        (run("simple_cnn", trainer={"epoch": 3}), ["r.yaml: trainer.epoch", "did you mean 'epochs'"]),
        (run("simple_cnn", trainer={"epochs": "3"}), ["r.yaml: trainer.epochs", "'3'"]),
        (run("simple_cnn", trainer={"epochs": None}), ["r.yaml: trainer.epochs"]),
        (
            run("simple_cnn", {"recipe": "resnet20", "trainer": {"augment": {"flop": True}}}),
            ["r.yaml: candidates.1.trainer.augment.flop", "did you mean 'flip'"],
        ),
        (run("resnet20", trainer={"schedule": "cosine"}), ["candidates.0.trainer", "plateau", "cosine"]),
        (run("resnet20", trainer={"fine_tune": {"epochs": 1}}), ["candidates.0.trainer.fine_tune", "no pretrained"]),
        (run("resnet20", trainer={"plateau": {"floor": 1}}), ["candidates.0.trainer", "plateau.floor 1.0", "remove"]),
        (run("simple_cnn", trainer={"momentum": 0.9}), ["candidates.0.trainer", "momentum 0.9", "'adam'"]),
        (
            run("transfer_resnet20", trainer={"fine_tune": {"unfreeze": "6.conv3"}}),
            ["r.yaml: candidates.0.trainer.fine_tune.unfreeze", "no layer '6.conv3'", "did you mean '6.conv"],
        ),
        (
            run("transfer_resnet20", trainer={"fine_tune": {"unfreeze": {"layers": 99}}}),
            ["candidates.0.trainer.fine_tune.unfreeze", "layers, not 99"],
        ),
        (
            run("transfer_resnet20", trainer={"fine_tune": {"unfreeze": [0.5, 0.4]}}),
            ["candidates.0.trainer.fine_tune.unfreeze", "the stage before it"],
        ),
        (
            run("transfer_resnet20", trainer={"fine_tune": {"cached_views": 2, "unfreeze": 1.0}}),
            ["candidates.0.trainer.fine_tune.cached_views", "trains all layers"],
        ),
    ],
)
def test_wrong_runs_are_refused_with_the_keys_path(config: RunConfig, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_candidates(config, RECIPES, file="r.yaml")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_layer_makes_sense_with_the_one_below_it() -> None:
    """Not with the defaults, which the recipe may differ from."""
    changes = {"momentum": 0.5, "micro_batch": 125}
    (candidate,) = resolve_candidates(run({"recipe": "speedrun", "trainer": changes}), RECIPES)
    assert (candidate.trainer.momentum, candidate.trainer.micro_batch) == (0.5, 125)
    own = {"recipe": "resnet20", "trainer": {"plateau": {"floor": 2e-3}}}
    (candidate,) = resolve_candidates(run(own, trainer={"learning_rate": 0.1}), RECIPES)
    assert candidate.trainer.plateau
    assert candidate.trainer.plateau.floor == 2e-3


@pytest.mark.parametrize(("name", "pixels"), [("crop", 32), ("crop", 400), ("cutout", 32), ("cutout", 64)])
def test_augmentation_that_leaves_nothing_of_the_image_is_refused(name: str, pixels: int) -> None:
    plain = run({"recipe": "resnet20", "trainer": {"augment": {"shift": 0.0, name: pixels}}})
    named = run({"recipe": "resnet20", "trainer": {"augment": {"shift": 0.0, name: pixels}}}, data={"size": [48, 32]})
    assert resolve_candidates(plain, RECIPES), "nobody knows the images' size"
    assert resolve_candidates(plain, RECIPES, size=(pixels + 1, pixels + 1))
    for config, size in ((plain, (48, 32)), (plain, (32, 48)), (named, None)):
        with pytest.raises(ConfigError) as caught:
            resolve_candidates(config, RECIPES, file="r.yaml", size=size)
        assert f"r.yaml: candidates.0.trainer.augment.{name}: {pixels} pixels, but the" in caught.value.message
        assert "×".join(map(str, size or (48, 32))) in caught.value.message
        assert "below 32" in caught.value.remedy


GOOD = "id: x\nsource: own\nmodel:\n  family: simple_cnn\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("id: x", "id: y"), ["x.yaml: id", "'x'"]),
        (GOOD + "trainr: {}\n", ["x.yaml: trainr", "did you mean 'trainer'"]),
        (GOOD + "id: x\n", ["x.yaml", "twice"]),
        (GOOD.replace("simple_cnn", "simpl_cnn"), ["x.yaml: model.family", "did you mean 'simple_cnn'"]),
        (GOOD + "  options: {filter: [8]}\n", ["x.yaml: model.options.filter", "did you mean 'filters'"]),
        (GOOD + "trainer: {fine_tune: {epochs: 2}}\n", ["x.yaml: trainer.fine_tune", "no pretrained backbone"]),
        (GOOD + "trainer: {learning_rate: fast}\n", ["x.yaml: trainer.learning_rate", "'fast'"]),
    ],
)
def test_wrong_recipe_files_are_refused_with_the_keys_path(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_recipe("x", tmp_path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_recipes_read_as_they_are_written() -> None:
    for file in FILES:
        raw = load_yaml(file)
        stored = load_recipe(file.stem, RECIPES).model_dump(mode="json")
        for key, value in raw["trainer"].items():
            if isinstance(value, dict):
                assert {k: stored["trainer"][key][k] for k in value} == value
            else:
                assert stored["trainer"][key] == value

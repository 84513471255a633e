"""A space is checked against the recipe's types before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from podium.errors import ConfigError
from podium.models.recipes import list_recipes
from podium.sweeps.fields import fields_of
from tests.sweeps.made import RATE, RECIPES, config, opened

LR = "trainer.learning_rate"


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"trainer.learning_rte": RATE}, "did you mean 'trainer.learning_rate'?"),
        ({"model.options.dens": {"low": 8, "high": 16}}, "did you mean 'model.options.dense'?"),
        ({"trainer.augment.crp": {"low": 0, "high": 4}}, "did you mean 'trainer.augment.crop'?"),
        ({"id": {"choices": ["a", "b"]}}, "the recipe has no such field"),
        ({LR: {"low": 0, "high": 1e-2}}, f"space.{LR}.low: input should be greater than 0, not 0"),
        ({"trainer.label_smoothing": {"low": 0.0, "high": 1.5}}, "high: input should be less than 1, not 1.5"),
        ({"trainer.batch_size": {"low": 0.5, "high": 64}}, "low: takes whole numbers, not 0.5"),
        ({"trainer.batch_size": {"low": 16, "high": 17, "step": 0.5}}, "step: takes whole numbers, not 0.5"),
        ({"trainer.optimizer": {"low": 0, "high": 3}}, "is not a field of numbers"),
        ({"model.views": {"low": 1, "high": 6}}, "is not a field of numbers"),
        ({"trainer.optimizer": {"choices": ["adam", "adem"]}}, "choices.1: input should be 'adam'"),
        ({"trainer.early_stopping": {"choices": [None, {"patiense": 3}]}}, "did you mean 'patience'?"),
        ({LR: {**RATE, "hihg": 1}}, "did you mean 'high'?"),
        ({LR: {"low": 1e-2, "high": 1e-4}}, "low (0.01) is not below high (0.0001)"),
        ({LR: {"low": 1e-4}}, "give low and high, or choices"),
        ({LR: {"low": 1e-4, "high": 1e-2, "choices": [1, 2]}}, "choices stand alone"),
        ({LR: {**RATE, "step": 1e-3}}, "log and step exclude each other"),
        ({LR: {"low": 0.001, "high": 0.01, "step": 0.002}}, "no whole number of steps of 0.002"),
        ({"trainer.augment.crop": {"low": 0, "high": 4, "log": True}}, "begins above 0, not at 0"),
        ({"trainer.schedule": {"choices": ["constant", "constant"]}}, '"constant" stands twice'),
        (
            {"trainer.augment": {"choices": [{}, {"crop": 2}]}, "trainer.augment.crop": {"low": 0, "high": 4}},
            "within it",
        ),
        ({}, "space: dictionary should have at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused(space: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(space, trials=1)
    assert "sweep.yaml" in caught.value.message
    assert "parameters.config.space" in caught.value.message
    assert said in str(caught.value)


def test_combinations_that_the_recipe_refuses_are_told_before_anything_runs() -> None:
    space = {"trainer.augment.crop": {"low": 0, "high": 4}, "trainer.augment.shift": {"low": 0, "high": 0.2}}
    with pytest.raises(ConfigError) as caught:
        opened(space)
    assert "trainer.augment.crop 4, trainer.augment.shift 0.2" in caught.value.message
    assert "crop and shift both displace the image" in caught.value.message
    with pytest.raises(ConfigError, match="no pretrained backbone"):
        opened({"trainer.fine_tune": {"choices": [None, {"epochs": 2}]}}, trials=2)


def test_more_trials_than_points_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 trials, but the space has 2 points"):
        opened({"trainer.schedule": {"choices": ["constant", "one_cycle"]}}, trials=3)


def test_an_unknown_recipe_and_a_wrong_trainer_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        opened(recipe="simple_cn")
    assert "did you mean 'simple_cnn'?" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        opened(trainer={"epocs": 3})
    assert "parameters.config.trainer.epocs" in caught.value.message


def test_values_are_applied_also_within_blocks_that_the_recipe_leaves_out() -> None:
    paths = {"trainer.early_stopping.patience": {"low": 2, "high": 9}, "model.options.dense": {"low": 8, "high": 64}}
    recipe = opened(paths).apply({"trainer.early_stopping.patience": 3, "model.options.dense": 24})
    assert recipe.trainer.early_stopping is not None
    assert (recipe.trainer.early_stopping.patience, recipe.trainer.early_stopping.monitor) == (3, "accuracy")
    assert recipe.model.options == {"filters": [32, 64], "dense": 24}


def test_choices_keep_their_type() -> None:
    """Optuna alone holds 1 for true."""
    space = opened({"trainer.augment.flip": {"choices": [False, True, "alternating"]}}, trials=2)
    for value in (False, True, "alternating"):
        encoded = space.encode({"trainer.augment.flip": value})
        assert space.decode(encoded) == {"trainer.augment.flip": value}
        assert type(space.decode(encoded)["trainer.augment.flip"]) is type(value)


def test_numbers_are_rounded_and_stay_within_their_range() -> None:
    space = opened({LR: {"low": 1.23444e-3, "high": 9.87654e-3, "log": True}})
    assert space.decode({LR: 0.00412345678}) == {LR: 0.004123}
    assert space.decode({LR: 1.23444e-3}) == {LR: 1.23444e-3}
    assert space.decode({LR: 9.87654e-3}) == {LR: 9.87654e-3}
    steps = opened({"trainer.augment.shift": {"low": 0, "high": 0.3, "step": 0.1}}, trials=2)
    assert steps.decode({"trainer.augment.shift": 0.30000000000000004}) == {"trainer.augment.shift": 0.3}


def test_the_recipes_own_values() -> None:
    assert opened().own_values() == {LR: 0.001, "trainer.schedule": "constant"}
    assert opened({LR: {"low": 0.002, "high": 0.01}}).own_values() is None
    assert opened({"trainer.epochs": {"low": 2, "high": 11, "step": 3}}, trials=2).own_values() is None
    assert opened({"model.options.dense": {"low": 64, "high": 256}}).own_values() == {"model.options.dense": 128}


@pytest.mark.parametrize("recipe", list_recipes(RECIPES), ids=lambda recipe: recipe.id)
def test_every_recipe_can_be_swept(recipe: Any) -> None:
    assert fields_of(recipe)["trainer.plateau.floor"].number is float
    half, twice = recipe.trainer.learning_rate / 2, recipe.trainer.learning_rate * 2
    assert opened({LR: {"low": half, "high": twice, "log": True}}, recipe=recipe.id).own_values()


def test_unknown_keys_of_a_sweep_are_refused() -> None:
    with pytest.raises(ConfigError, match="trails") as caught:
        config(trails=3)
    assert "did you mean 'trials'?" in str(caught.value)

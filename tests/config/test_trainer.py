"""The trainer's fields: what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from podium.config import TrainerConfig
from podium.config.load import parse
from podium.errors import ConfigError

COUNTS = ("epochs", "batch_size", "micro_batch", "cached_views")
FACTORS = ("learning_rate", "bias_rate", "head_rate", "weight_decay")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"augment": {"flip": "sometimes"}}, ["trainer.augment.flip", "'alternating'", "'sometimes'"]),
        ({"augment": {"crop": 2, "shift": 0.1}}, ["trainer.augment", "crop and shift"]),
        ({"augment": {"crop": 2.5}}, ["trainer.augment.crop", "2.5"]),
        ({"augment": {"rand_augment": {"magnitude": 31}}}, ["trainer.augment.rand_augment.magnitude", "31"]),
        ({"augment": {"mixup": -0.1}}, ["trainer.augment.mixup", "-0.1"]),
        ({"averaging": {"decay": 1}}, ["trainer.averaging.decay", "less than 1"]),
        ({"schedule": "triangle"}, ["trainer.schedule", "'triangular'", "'triangle'"]),
        ({"schedule": "triangular", "plateau": {}}, ["plateau", "'triangular'"]),
        ({"plateau": {"floor": 1}}, ["plateau.floor 1.0", "not below learning_rate 0.001", "has no effect"]),
        ({"learning_rate": 1e-6, "plateau": {}}, ["plateau.floor 1e-06", "not below learning_rate 1e-06"]),
        ({"warm_up": 1}, ["trainer.warm_up", "less than 1"]),
        ({"optimizer": "lamb"}, ["trainer.optimizer", "'muon'", "'lamb'"]),
        ({"precision": "float16"}, ["trainer.precision", "'bfloat16'"]),
        ({"momentum": 0.9}, ["momentum 0.9", "optimizer 'adam'", "sgd, muon, rmsprop"]),
        ({"optimizer": "adadelta", "momentum": 0.0}, ["momentum 0.0", "optimizer 'adadelta'"]),
        ({"optimizer": "sgd", "unit_filters": True}, ["unit_filters True", "optimizer 'sgd'", "only with muon"]),
        ({"warm_up": 0.1}, ["warm_up 0.1", "schedule 'constant'", "only with triangular"]),
        ({"schedule": "one_cycle", "final_rate": 0.1}, ["final_rate 0.1", "schedule 'one_cycle'"]),
        ({"head_rate": 0}, ["trainer.head_rate"]),
        ({"learning_rate": "0.1"}, ["trainer.learning_rate", "'0.1'"]),
        *(({field: 10**30}, [f"trainer.{field}", "less than or equal to", f"{10**30}"]) for field in COUNTS),
        *(({field: 1e30}, [f"trainer.{field}", "less than or equal to 1000000", "1e+30"]) for field in FACTORS),
        ({"augment": {"crop": 65_537}}, ["trainer.augment.crop", "less than or equal to 65536", "65537"]),
        ({"augment": {"cutout": 65_537}}, ["trainer.augment.cutout", "less than or equal to 65536", "65537"]),
        ({"augment": {"mixup": 1e7}}, ["trainer.augment.mixup", "1000000"]),
        ({"fine_tune": {"epochs": 10**30}}, ["trainer.fine_tune.epochs", "1000000"]),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(TrainerConfig, settings, "r.yaml", "trainer")
    assert caught.value.message.startswith("r.yaml: trainer")
    assert all(word in caught.value.message for word in words)


@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": None},
        {"augment": {"flip": False}},
        {"augment": {"flip": "alternating", "rand_augment": {}}},
        {"averaging": {}},
        {"warm_up": 0.2, "final_rate": 0.0, "unit_filters": False},
        {"optimizer": "rmsprop", "momentum": 0.5},
        {"optimizer": "muon", "momentum": 0.6, "unit_filters": True},
        {"schedule": "triangular", "warm_up": 0.0, "final_rate": 1.0},
    ],
)
def test_what_makes_sense_is_taken(settings: dict[str, Any]) -> None:
    parse(TrainerConfig, settings, "r.yaml", "trainer")

"""Seeds: one range wherever one is configured, all of which everything takes that draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from podium.cli.data_import import app
from podium.config import Candidate, RunConfig
from podium.config.base import MAX_SEED
from podium.config.run import CandidateConfig
from podium.config.sweep import SweepConfig
from podium.data import Dataset
from podium.data.importing.options import ImportOptions
from podium.drift.config import DriftConfig
from podium.models.contracts import contract_for
from podium.sweeps.search import next_round
from podium.training import train
from tests.sweeps.made import SPACE, opened
from tests.sweeps.made import config as sweep_config
from tests.training.helpers import candidate

MODELS: dict[type[BaseModel], dict[str, Any]] = {
    RunConfig: {"name": "a", "candidates": ["simple_cnn"]},
    CandidateConfig: {"recipe": "simple_cnn"},
    Candidate: {"name": "a", "recipe": candidate().recipe},
    SweepConfig: {"name": "a", "recipe": "simple_cnn", "space": SPACE},
    DriftConfig: {},
    ImportOptions: {"name": "a"},
}


@pytest.mark.parametrize("model", MODELS)
def test_the_range_is_the_same_everywhere(model: type[BaseModel]) -> None:
    for seed in (0, MAX_SEED):
        assert model.model_validate({**MODELS[model], "seed": seed}).seed == seed  # type: ignore[attr-defined]
    for seed in (-1, MAX_SEED + 1, 10**22):
        with pytest.raises(ValidationError, match=r"seed\n"):
            model.model_validate({**MODELS[model], "seed": seed})


def test_the_largest_seed_trains(small_dataset: Dataset, tmp_path: Path) -> None:
    augment = {"flip": "alternating", "crop": 2, "mixup": 0.2}
    chosen = candidate(seed=MAX_SEED, epochs=1, augment=augment, precision="float32", compile="never")
    contract = contract_for(chosen, small_dataset.manifest)
    assert train(chosen, small_dataset, contract, work=tmp_path / "w").summary.history


def test_the_largest_seed_suggests() -> None:
    assert len(next_round(sweep_config(seed=MAX_SEED, parallel=3), opened(), [], threads=1)) == 3


def test_an_import_refuses_a_larger_one() -> None:
    result = CliRunner().invoke(app, ["folder", ".", "--seed", str(MAX_SEED + 1)])
    assert result.exit_code == 2
    assert str(MAX_SEED) in result.output

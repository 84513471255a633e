"""Several seeds of one candidate in a run's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from podium.config import RunConfig
from podium.models.recipes import resolve_candidates
from podium.orchestration.gating import siblings
from tests.conftest import ROOT

RECIPES = ROOT / "configs" / "recipes"


def run(*candidates: Any, **more: Any) -> RunConfig:
    return RunConfig.model_validate({"name": "a", "candidates": candidates, **more})


def test_each_seed_is_a_branch() -> None:
    config = run({"recipe": "simple_cnn", "seeds": [0, 7], "trainer": {"epochs": 2}}, "cnn_3block", seed=3)
    made = resolve_candidates(config, RECIPES, cores=6)
    assert {one.name: one.seed for one in made} == {"simple_cnn_seed0": 0, "simple_cnn_seed7": 7, "cnn_3block": 3}
    assert [one.recipe.trainer.epochs for one in made[:2]] == [2, 2]
    assert {one.threads for one in made} == {2}, "the cores are shared among branches, not among entries"
    assert config.branches == tuple(one.name for one in made)
    assert config.seeded == {"simple_cnn": ("simple_cnn_seed0", "simple_cnn_seed7")}


def test_the_gate_sees_them_as_seeds_of_one_recipe() -> None:
    config = run({"recipe": "simple_cnn", "name": "small", "seeds": [2, 1]}, {"recipe": "simple_cnn", "seed": 5})
    made = {one.name: one for one in resolve_candidates(config, RECIPES)}
    assert siblings(made, "small_seed1") == ["small_seed1", "small_seed2", "simple_cnn"]


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ([{"recipe": "a", "seeds": [1], "seed": 1}], "both 'seed' and 'seeds'"),
        ([{"recipe": "a", "seeds": [4, 2, 4]}], "the seed 4 stands twice"),
        ([{"recipe": "a", "seeds": []}], "at least 1 item"),
        ([{"recipe": "a", "seeds": [-1]}], "greater than or equal to 0"),
        ([{"recipe": "a", "seeds": 3}], r"3 is no list of seeds, such as \[0, 1, 2\]"),
        ([{"recipe": "a", "seeds": [0]}, {"recipe": "b", "name": "a_seed0"}], "two candidates are called 'a_seed0'"),
        ([{"recipe": "a", "seeds": [0]}, {"recipe": "a", "seeds": [1]}], "two candidates are called 'a'"),
    ],
)
def test_what_makes_no_sense_is_refused(candidates: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        run(*candidates)


def test_a_check_names_every_branch(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from podium.cli.config import app

    file = tmp_path / "twice.yaml"
    file.write_text("parameters: {config: {name: a, candidates: [{recipe: simple_cnn, seeds: [0, 1]}]}}\n")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 0, result.output
    assert "2 candidates (simple_cnn_seed0, simple_cnn_seed1)" in " ".join(result.output.split())

"""``podium sweep show``: table, JSON, a candidate to paste, a recipe file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from podium.cli import build_app
from podium.config import RunConfig
from podium.config.load import parse
from podium.errors import ConfigError, PodiumError
from podium.models.recipes import load_recipe, recipe_header, resolve_candidates
from podium.orchestration.sweep import Rounds, assemble
from podium.report.sweep import candidate_entry, render_sweep
from podium.results import DataReference
from podium.settings import Settings
from podium.sweeps.results import best_of, keep, read
from podium.sweeps.save import save_recipe
from podium.sweeps.space import open_space
from tests.sweeps.made import RECIPES, config, ended, result

TRIALS = (
    ended(0, 0.9, own=True),
    ended(1, 0.95),
    ended(2, 0.4, status="pruned", cause="pruned after epoch 2"),
    ended(3, None, status="failed"),
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    return Settings.from_environment()


def test_the_table_fits_80_columns_and_takes_no_markup_from_causes() -> None:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        render_sweep(result(*TRIALS), console)
    said = captured.get()
    lines = said.splitlines()
    table = [
        line.split()[0] for line in lines[lines.index(next(x for x in lines if x.lstrip().startswith("trial "))) + 1 :]
    ]
    assert table[:4] == ["1", "0", "2", "3"], "completed by their figure, then pruned, then failed"
    assert all(len(line) <= 80 for line in lines if "podium" not in line)
    assert "0 (recipe)" in said
    assert "trial 3 failed: the loss became NaN [/red]\n  → lower the learning rate\n" in said
    assert "2 completed, 1 pruned, 1 failed" in said


def test_the_entry_can_be_pasted_into_a_run() -> None:
    shown = result(*TRIALS)
    best = shown.best_trial
    assert best is not None
    entries = yaml.safe_load(candidate_entry(shown, best))["candidates"]
    run = parse(RunConfig, {"name": "x", "candidates": entries}, "pasted")
    (candidate,) = resolve_candidates(run, RECIPES)
    assert (candidate.name, candidate.seed) == ("made_best", 3)
    assert candidate.trainer.learning_rate == 0.002
    assert candidate.trainer.augment.rotation == 5


def test_what_changes_the_network_is_no_entry_but_a_recipe(tmp_path: Path) -> None:
    trial = ended(0, values={"model.options.dense": 40, "trainer.learning_rate": 0.002})
    shown = result(trial)
    assert candidate_entry(shown, trial) == ""
    saved = save_recipe(shown, tmp_path / "swept.yaml", RECIPES)
    assert saved == load_recipe("swept", tmp_path)
    assert saved.model.options == {"filters": [32, 64], "dense": 40}
    assert saved.trainer.augment.rotation == 5
    assert saved.published_accuracy is None
    header = recipe_header("swept", tmp_path)
    assert header["source"] == saved.source == "E1, swept from simple_cnn"
    assert "sweep made, seed 3, 1 trials" in header["command"]
    assert "validation accuracy 0.5000 on digits" in header["result"]
    assert "model.options.dense 40" in header["trial"]


def test_saving_replaces_nothing_and_wants_an_id(tmp_path: Path) -> None:
    shown = result(*TRIALS)
    save_recipe(shown, tmp_path / "swept.yaml", RECIPES)
    with pytest.raises(PodiumError, match="is there already"):
        save_recipe(shown, tmp_path / "swept.yaml", RECIPES)
    for name in ("Swept.yaml", "swept.txt", "swept"):
        with pytest.raises(ConfigError, match="no id of a recipe"):
            save_recipe(shown, tmp_path / name, RECIPES)
    with pytest.raises(PodiumError, match="no trial was completed"):
        save_recipe(result(TRIALS[3]), tmp_path / "other.yaml", RECIPES)


@pytest.mark.slow
def test_the_command(settings: Settings, tmp_path: Path) -> None:
    keep(settings, result(*TRIALS))
    runner = CliRunner()
    shown = runner.invoke(build_app(), ["sweep", "show"])
    assert shown.exit_code == 0, shown.output
    assert "sweep made of simple_cnn on digits: 4 trials" in shown.output
    document = json.loads(runner.invoke(build_app(), ["sweep", "show", "made", "--json"]).output)
    assert (document["best"], len(document["trials"])) == (1, 4)
    saved = runner.invoke(build_app(), ["sweep", "show", "--save", str(tmp_path / "best.yaml")])
    assert saved.exit_code == 0, saved.output
    assert load_recipe("best", tmp_path).trainer.learning_rate == 0.002


def test_what_is_not_there(settings: Settings) -> None:
    with pytest.raises(PodiumError, match="no sweep is recorded"):
        read(settings)
    file = keep(settings, result(*TRIALS))
    with pytest.raises(PodiumError) as caught:
        read(settings, "mde")
    assert "did you mean 'made'?" in str(caught.value)
    assert caught.value.exit_code == 2
    file.write_text(file.read_text()[:-20])
    with pytest.raises(PodiumError, match=r"sweep\.json"):
        read(settings)


def test_the_best() -> None:
    trials = [
        ended(0, 0.5),
        ended(1, 0.7),
        ended(2, 0.7),
        ended(3, 0.9, status="pruned"),
        ended(4, None, status="failed"),
    ]
    assert best_of(trials, "accuracy") == 1
    assert best_of(trials, "loss") == 0
    assert best_of(trials[3:], "loss") is None


OTHER = {
    "recipe": {"recipe": "cnn_3block"},
    "space": {"space": {"trainer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}},
    "trainer": {"trainer": {"epochs": 2}},
    "seed, parallel": {"seed": 4, "parallel": 3},
    "pruner": {"pruner": {"kind": "none"}},
}


def started(settings: Settings, digest: str = "d" * 64, **fields: Any) -> Rounds:
    """A sweep as the pipeline starts it, before its first trial."""
    data = DataReference(name="digits", path="data", digest=digest)
    chosen = config(**fields)
    return Rounds(chosen, open_space(chosen, RECIPES), data, settings, code="c")


def kept(settings: Settings) -> Path:
    """The record of one whose first round has ended."""
    begun = started(settings, trials=5)
    return keep(settings, assemble(begun.config, begun.data, TRIALS[:2], "run-1"))


@pytest.mark.parametrize("what", OTHER)
def test_another_sweep_of_the_same_name_is_refused_and_nothing_is_lost(settings: Settings, what: str) -> None:
    file = kept(settings)
    before = file.read_bytes()
    with pytest.raises(ConfigError) as refused:
        started(settings, **OTHER[what])
    assert refused.value.message == f"{file}: a sweep 'made' is recorded that differs in {what}"
    assert "another `name`" in refused.value.remedy
    assert file.read_bytes() == before
    started(settings, name="other", **OTHER[what])


def test_a_sweep_goes_on_with_more_trials_but_not_on_other_data(settings: Settings) -> None:
    file = kept(settings)
    started(settings, trials=5)
    started(settings, trials=9, data={"path": ".podium/moved"})
    with pytest.raises(ConfigError, match="differs in data"):
        started(settings, digest="e" * 64)
    file.write_text(result(*TRIALS).model_dump_json())
    with pytest.raises(ConfigError, match="recorded without its configuration"):
        started(settings)

"""The stages without ZenML: they trust no bytes that they have not read, and DVC is told what they depend on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from podium.code import _file, _imports
from podium.config import RunConfig
from podium.data import Dataset
from podium.errors import ConfigError, DataError
from podium.settings import Settings
from podium.stages import evaluate_all, train_all
from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PLUMBING = {"atomic", "code", "digest", "errors", "settings", "results", "report"}
"""Modules that carry results or draw them; no figure depends on them."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"PODIUM_ROOT": str(tmp_path)})


def test_damaged_data_are_neither_trained_on_nor_evaluated_with(small_dataset: Dataset, settings: Settings) -> None:
    file = small_dataset.path / "train.images.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    config = RunConfig.model_validate({"name": "x", "candidates": ["simple_cnn"], "registry": {"model": "x"}})
    with pytest.raises(DataError, match=r"train\.images\.npy: its content"):
        train_all(config, settings, settings.root / "models")
    with pytest.raises(DataError, match=r"train\.images\.npy: its content"):
        evaluate_all(config, settings, settings.root / "models", settings.root / "out")
    assert [p.name for p in settings.root.iterdir()] == ["data"]


def test_a_configuration_is_found_from_here_and_from_the_checkout(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.yaml").touch()
    (tmp_path / "here" / "b.yaml").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert settings.find(Path("a.yaml")) == tmp_path / "a.yaml"
    assert settings.find(Path("b.yaml")).samefile(tmp_path / "here" / "b.yaml")
    assert settings.find(tmp_path / "none.yaml") == tmp_path / "none.yaml"


@pytest.mark.parametrize("command", ["train", "evaluate", "validate"])
def test_commands_look_for_the_configuration_in_the_checkout(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.cli import stages, validate

    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "bad.yaml").write_text("parameters: {config: {nmae: x}}\n")
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path)
    run = {"train": stages.train, "evaluate": stages.evaluate, "validate": validate.validate}[command]
    with pytest.raises(ConfigError, match="nmae"):
        run(Path("bad.yaml"))


@pytest.mark.parametrize(
    ("stage", "modules"),
    [
        ("validate", ("podium.validation", "podium.models.contracts", "podium.models.recipes")),
        ("train", ("podium.training", "podium.models.contracts", "podium.models.recipes", "podium.bundle")),
        ("evaluate", ("podium.evaluation.evaluate", "podium.evaluation.compare", "podium.bundle")),
    ],
)
def test_dvc_is_told_of_all_sources_that_decide(stage: str, modules: tuple[str, ...]) -> None:
    dependencies = [ROOT / path for path in STAGES[stage]["deps"]]
    missing = sorted(
        str(path.relative_to(ROOT))
        for path in _sources(modules)
        if not any(path == dependency or dependency in path.parents for dependency in dependencies)
    )
    assert not missing


def test_dvc_is_told_of_data_recipes_and_parameters() -> None:
    for stage in ("validate", "train", "evaluate"):
        assert "data" in STAGES[stage]["deps"]
        assert STAGES[stage]["params"] == [{"configs/quickstart.yaml": ["parameters.config"]}]
    for stage in ("validate", "train", "evaluate"):
        assert "configs/recipes" in STAGES[stage]["deps"]
    assert "configs/validation" in STAGES["validate"]["deps"]
    made = {"data", *(out for stage in STAGES.values() for out in stage.get("outs", []))}
    named = {path for stage in STAGES.values() for path in stage["deps"]} - made
    assert not sorted(path for path in named if not (ROOT / path).exists())


def _sources(modules: tuple[str, ...]) -> set[Path]:
    """The files of modules and of what they import, without following the plumbing."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name == "podium" or name.split(".")[1] in PLUMBING else _file(name)
        if path is not None and path not in found:
            found.add(path)
            waiting += [
                imported for imported in _imports(path.read_text(encoding="utf-8")) if imported.startswith("podium.")
            ]
            waiting.append(name.rpartition(".")[0])
    return found

"""What ZenML would ignore in a pipeline's file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.errors import ConfigError
from podium.orchestration.strict import check_file
from tests.conftest import ROOT

GOOD = """
enable_cache: true
settings:
  docker: {dockerfile: x}
steps:
  train:
    settings:
      resources: {gpu_count: 1}
parameters:
  config:
    name: trial
    candidates: [simple_cnn]
"""


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_file_passes(file: Path) -> None:
    assert check_file(file).candidates


def test_settings_of_components_pass(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD)
    assert check_file(file).name == "trial"


@pytest.mark.parametrize(
    ("change", "where", "nearest"),
    [
        (("enable_cache", "enable_cahce"), "enable_cahce", "enable_cache"),
        (("  train:", "  trian:"), "steps.trian", "train"),
        (("    settings:\n", "    setings:\n"), "steps.train.setings", "settings"),
        (("gpu_count", "gpu_cuont"), "steps.train.settings.resources.gpu_cuont", "gpu_count"),
        (("resources:", "resuorces:"), "steps.train.settings.resuorces", "resources"),
        (("[simple_cnn]", "[simple_cn]"), "candidates.0", "simple_cnn"),
        (
            ("[simple_cnn]", "[{recipe: simple_cnn, trainer: {epocs: 3}}]"),
            "candidates.0.trainer.epocs",
            "epochs",
        ),
        (("name: trial", "name: trial\n    trainer: {augment: {flipp: true}}"), "trainer.augment.flipp", "flip"),
    ],
)
def test_typos_are_refused(tmp_path: Path, change: tuple[str, str], where: str, nearest: str) -> None:
    assert change[0] in GOOD
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        check_file(file)
    assert where in caught.value.message
    assert str(file) in caught.value.message
    assert f"did you mean {nearest!r}?" in str(caught.value)


def test_impossible_combination(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(GOOD.replace("[simple_cnn]", "[{recipe: simple_cnn, trainer: {fine_tune: {epochs: 1}}}]"))
    with pytest.raises(ConfigError, match="no pretrained backbone"):
        check_file(file)

"""A data set of another size or policy than the file's is refused before any step."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.data import Dataset
from podium.orchestration.pipeline import RunError
from tests.conftest import ROOT

FILE = """
parameters:
  config:
    name: trial
    data: {path: data, size: 64}
    candidates: [simple_cnn]
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "trial.yaml").write_text(FILE)
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("source_root", "small_dataset")
def test_the_pipeline_does_not_start(checkout: Path) -> None:
    from pipelines.training import training_pipeline

    file = checkout / "trial.yaml"
    with pytest.raises(RunError) as caught:
        training_pipeline.with_options(config_path=str(file))
    assert f"{file}: parameters.config.data.size: says 64, the data set in data was imported with 32" in str(
        caught.value
    )
    assert caught.value.exit_code == 2


@pytest.mark.slow
@pytest.mark.usefixtures("source_root")
def test_a_data_set_that_is_not_here_yet_is_left_to_the_first_step(checkout: Path) -> None:
    from pipelines.training import training_pipeline

    assert training_pipeline.with_options(config_path=str(checkout / "trial.yaml"))


def test_the_first_step_refuses_it_as_well(checkout: Path, small_dataset: Dataset) -> None:
    from podium.config.load import load_run_config
    from podium.errors import ConfigError
    from steps.load import load

    with pytest.raises(ConfigError, match=r"'trial': parameters\.config\.data\.size: says 64"):
        load.entrypoint(load_run_config(checkout / "trial.yaml"))
    assert small_dataset.manifest.height == 32

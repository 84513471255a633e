"""What ZenML would ignore in a pipeline's file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.config.load import load_run_config
from podium.data import Dataset
from podium.errors import ConfigError
from podium.orchestration.strict import TRAINING_STEPS, check_any_file, check_file, check_sweep_file
from podium.settings import Settings
from podium.stages import train_all
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


OTHERS = {ROOT / "configs" / f"{name}.yaml" for name in ("promotion", "notify", "desk")}
RUNS = sorted(set((ROOT / "configs").glob("*.yaml")) - OTHERS)


@pytest.mark.parametrize("file", RUNS, ids=lambda path: path.name)
def test_every_shipped_file_passes(file: Path) -> None:
    assert check_any_file(file).name


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


PARAMETERS = """
parameters:
  config:
    name: trial
    candidates: [simple_cnn]
"""


def write(folder: Path, section: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(section + PARAMETERS)
    return file


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("enable_cache: maybe", "enable_cache: input should be a valid boolean"),
        ("schedule: {cron_expresion: x}", "schedule.cron_expresion: unknown key\n  → did you mean 'cron_expression'?"),
        ("retry: {max_retires: 3}", "retry.max_retires: unknown key\n  → did you mean 'max_retries'?"),
        ("steps: {train: {enable_cache: perhaps}}", "steps.train.enable_cache: input should be a valid boolean"),
        (
            "steps: {train: {retry: {max_retires: 3}}}",
            "steps.train.retry.max_retires: unknown key\n  → did you mean 'max_retries'?",
        ),
        ("steps: {train: {parameters: {candiate: 3}}}", "steps.train.parameters: has no effect"),
        ("steps: {train: {outputs: {x: {artifact_confg: {}}}}}", "did you mean 'artifact_config'?"),
        ("steps: {train: 3}", "steps.train: input should be a valid dictionary"),
        ("steps: [train]", "steps: input should be a valid dictionary"),
        ("model: {name: x, licence: y}", "model.licence: unknown key\n  → did you mean 'license'?"),
        ("cache_policy: {include_step_cod: true}", "did you mean 'include_step_code'?"),
        ("tags: [{name: x, colour: red}]", "tags.0.colour: unknown key\n  → did you mean 'color'?"),
        ("execution_mode: fast", "execution_mode: input should be 'fail_fast'"),
        ("settings: {docker: {requirments: [x]}}", "settings.docker.requirments: unknown key"),
        ("settings: {docker: {build_config: {build_optins: {}}}}", "did you mean 'build_options'?"),
        ("settings: {orchestrator: {synchronus: true}}", "did you mean 'synchronous'?"),
        ("settings: {orchestrator.local: {synchronous: true}}", "settings.orchestrator.local.synchronous: unknown key"),
        ("settings: {orchestrator.kubernetes: {synchronous: perhaps}}", "input should be a valid boolean"),
        ("settings: {orchestrator: 3}", "settings.orchestrator: holds 3, not a mapping"),
    ],
)
def test_what_zenml_ignores_or_trips_over_is_refused(tmp_path: Path, section: str, said: str) -> None:
    file = write(tmp_path, section)
    with pytest.raises(ConfigError) as caught:
        check_file(file)
    assert said in str(caught.value)
    assert str(file) in caught.value.message


@pytest.mark.parametrize(
    "section",
    [
        "enable_cache: null\nsteps: {train: null}",
        "schedule: {start_time: 2024-01-01T00:00:00Z, interval_second: 60}",
        "steps: {train: {retry: {max_retries: 3, delay: 2}, runtime: isolated, step_operator: true}}",
        "settings: {orchestrator: {synchronous: true}}",
        "settings: {orchestrator.kubernetes: {synchronous: true, pod_settings: {node_selectors: {a: b}}}}",
        "settings: {orchestrator.of_our_own: {anything: 1}, 'orchestrator:name': {synchronous: false}}",
        "settings: {docker: {requirements: [x], build_config: {build_options: {pull: true, shmsize: 3}}}}",
        "settings: {resources: {preemptible: true, memory: 2GB, resources: [{name: a, quantity: 1}]}}",
        "model: {name: x, version: staging, tags: [a]}",
        "tags: [a, {name: x, color: red, cascade: true}]",
        "run_name: a\nfailure_hook_source: a.b.c\nenvironment: {A: b}\nextra: {q: {r: 1}}\nsubstitutions: {a: b}",
        "steps: {train: {settings: {step_operator.vertex: {accelerator_type: x}}}}",
        "cache_policy: {include_step_code: false, source_dependencies: [a.b]}",
        "build: 3f1a0f0e-0000-4000-8000-000000000000",
    ],
)
def test_what_zenml_reads_passes(tmp_path: Path, section: str) -> None:
    assert check_file(write(tmp_path, section)).name == "trial"


def test_steps_are_those_of_the_pipeline(tmp_path: Path) -> None:
    file = write(tmp_path, "steps: {export: {enable_cache: false}}")
    assert check_file(file)
    assert check_file(file, steps=None)
    with pytest.raises(ConfigError, match="no such step"):
        check_file(file, steps=TRAINING_STEPS)


def test_runs_and_sweeps_are_told_apart(tmp_path: Path) -> None:
    run = write(tmp_path, "")
    with pytest.raises(ConfigError, match="describes a run"):
        check_sweep_file(run)
    sweep = ROOT / "configs" / "sweep.yaml"
    with pytest.raises(ConfigError, match="describes a sweep") as caught:
        check_file(sweep)
    assert "--pipeline pipelines.sweep.sweep_pipeline" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("trials: 8", "trails: 8"), "did you mean 'trials'?"),
        (("trainer.augment.shift", "trainer.augment.shfit"), "did you mean 'trainer.augment.shift'?"),
        (("recipe: simple_cnn", "recipe: simple_cn"), "did you mean 'simple_cnn'?"),
        (("parameters:", "steps: {trail: {enable_cache: false}}\nparameters:"), "steps.trail"),
    ],
)
def test_typos_in_a_sweep_are_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (ROOT / "configs" / "sweep.yaml").read_text()
    assert change[0] in text
    file = tmp_path / "sweep.yaml"
    file.write_text(text.replace(*change))
    with pytest.raises(ConfigError) as caught:
        check_sweep_file(file)
    assert said in str(caught.value)
    assert str(file) in caught.value.message


@pytest.mark.parametrize(("name", "pixels"), [("crop", 400), ("cutout", 64)])
def test_augmentation_is_checked_on_the_data_set_that_is_here(
    name: str, pixels: int, small_dataset: Dataset, tmp_path: Path
) -> None:
    assert small_dataset.path == tmp_path / "data"
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    settings = Settings.from_environment({"PODIUM_ROOT": str(tmp_path)})
    run, sweep = tmp_path / "run.yaml", tmp_path / "sweep.yaml"
    run.write_text(
        GOOD.replace("[simple_cnn]", f"[{{recipe: simple_cnn, trainer: {{augment: {{{name}: {pixels}}}}}}}]")
    )
    space = f"space: {{trainer.augment.{name}: {{low: 0, high: {pixels}}}}}"
    sweep.write_text(f"parameters: {{config: {{name: s, recipe: simple_cnn, trials: 3, {space}}}}}")
    for file in (run, sweep):
        with pytest.raises(ConfigError) as caught:
            check_any_file(file, settings=settings)
        assert str(file) in caught.value.message
        assert f"trainer.augment.{name}: {pixels} pixels, but the images are 32×32" in caught.value.message
        if file == run:
            with pytest.raises(ConfigError, match=rf"augment\.{name}"):
                train_all(load_run_config(file), settings, tmp_path / "models", file=file)
        elsewhere = file.read_text().replace("{name: s,", "{name: s, data: {path: none},")
        file.write_text(elsewhere.replace("name: trial", "name: trial\n    data: {path: none}"))
        assert check_any_file(file, settings=settings)

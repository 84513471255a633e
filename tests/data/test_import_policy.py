"""Size and resize policy: from the options or a run's file, on to the data set, and enforced before training."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from podium.cli import build_app, main
from podium.config.load import load_run_config
from podium.config.run import DataConfig
from podium.data import Dataset, open_dataset, write_dataset
from podium.data.policy import open_configured, refuse_other_policy
from podium.data.store import read_manifest
from podium.errors import ConfigError
from podium.settings import Settings
from podium.stages import train_all
from tests.data.source_made import write_folder

FILE = """
parameters:
  config:
    name: trial
    data: {{path: sets/zoo, {data}}}
    candidates: [simple_cnn]
"""


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.setenv("PODIUM_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "zoo", side=64)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(build_app(), list(map(str, arguments)), catch_exceptions=True)

    return call


def file_of(folder: Path, data: str) -> Path:
    file = folder / "trial.yaml"
    file.write_text(FILE.format(data=data))
    return file


def policy(folder: Path) -> tuple[int, int, str]:
    manifest = read_manifest(folder)
    return manifest.height, manifest.width, manifest.resize


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        ("size: 32, resize: pad", (), (32, 32, "pad")),
        ("size: [16, 32], resize: stretch", (), (16, 32, "stretch")),
        ("size: 32", (), (32, 32, "crop")),
        ("resize: pad", (), (64, 64, "pad")),
        ("size: null", ("--size", 16), (16, 16, "crop")),
        ("size: 32", ("--resize", "pad"), (32, 32, "pad")),
        ("size: 32, resize: pad", ("--size", "32x32", "--resize", "pad"), (32, 32, "pad")),
    ],
)
def test_an_import_follows_the_file_of_its_runs(invoke, tmp_path, data, options, expected):
    result = invoke("data", "import", "folder", "zoo", "--config", file_of(tmp_path, data), *options)
    assert result.exit_code == 0, (result.output, result.exception)
    assert policy(tmp_path / "sets" / "zoo") == expected


@pytest.mark.slow
def test_the_target_may_be_another_one_than_the_files(invoke, tmp_path):
    file = file_of(tmp_path, "size: 32")
    assert invoke("data", "import", "folder", "zoo", "--config", file, "--target", tmp_path / "new").exit_code == 0
    assert policy(tmp_path / "new") == (32, 32, "crop")
    assert not (tmp_path / "sets").exists()


@pytest.mark.slow
def test_without_file_and_options_the_policy_is_crop(invoke, tmp_path):
    assert invoke("data", "import", "folder", "zoo").exit_code == 0
    assert policy(tmp_path / "data") == (64, 64, "crop")
    shown = invoke("data", "show").output
    assert "64×64 RGB; images of other sizes: crop" in shown
    assert "excluded" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "64"), "--size 64: {} says parameters.config.data.size: 32"),
        (("--size", "32x64"), "--size 32x64: {} says parameters.config.data.size: 32"),
        (("--resize", "crop"), "--resize crop: {} says parameters.config.data.resize: pad"),
    ],
)
def test_an_option_that_contradicts_the_file_is_refused(invoke, tmp_path, options, words):
    file = file_of(tmp_path, "size: 32, resize: pad")
    result = invoke("data", "import", "folder", "zoo", "--config", file, *options)
    assert isinstance(result.exception, ConfigError), result.exception
    assert words.format(file) in result.exception.message
    assert "leave" in result.exception.remedy
    assert not (tmp_path / "sets").exists()


@pytest.mark.slow
def test_the_digits_keep_their_size(invoke, tmp_path):
    result = invoke("data", "import", "digits", "--config", file_of(tmp_path, "size: 64"))
    assert isinstance(result.exception, ConfigError)
    assert "32 and crop" in result.exception.message
    assert invoke("data", "import", "digits", "--config", file_of(tmp_path, "size: 32")).exit_code == 0
    assert read_manifest(tmp_path / "sets" / "zoo").name == "digits"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("size: 0", "data.size: 0 is no size"),
        ("size: big", "data.size: 'big' is no size"),
        ("size: [32]", r"data.size: \[32\] is no size"),
        ("size: [32, true]", "is no size"),
        ("size: 5000", "from 1 to 4,096"),
        ("resize: squash", "data.resize: input should be 'stretch', 'crop' or 'pad', not 'squash'"),
        ("sise: 32", "data.sise: unknown key"),
    ],
)
def test_a_wrong_policy_in_the_file_is_refused(tmp_path, data, words):
    with pytest.raises(ConfigError, match=words):
        load_run_config(file_of(tmp_path, data))


def test_a_size_is_one_number_or_two(tmp_path):
    assert load_run_config(file_of(tmp_path, "size: 32")).data.size == (32, 32)
    assert load_run_config(file_of(tmp_path, "size: [32, 48]")).data.size == (32, 48)
    written = load_run_config(file_of(tmp_path, "size: 32")).data
    assert DataConfig.model_validate_json(written.model_dump_json()) == written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "told", "remedy"),
    [
        ("size: 64", "data.size: says 64, the data set in sets/zoo was imported with 32", "--size 64 --resize crop"),
        ("resize: pad", "data.resize: says pad, the data set in sets/zoo was imported with crop", "--resize pad"),
        ("size: [32, 64], resize: pad", "data.resize: says pad", "--size 32x64 --resize pad --target sets/zoo"),
    ],
)
def test_a_run_refuses_a_data_set_of_another_policy(invoke, tmp_path, data, told, remedy):
    root = Path(__file__).parents[2]
    (tmp_path / "configs").symlink_to(root / "configs")
    target = ("--size", 32, "--target", "sets/zoo")
    assert invoke("data", "import", "folder", "zoo", *target).exit_code == 0
    file = file_of(tmp_path, data)
    settings = Settings.from_environment()
    validated = invoke("validate", file).exception
    assert isinstance(validated, ConfigError), validated
    assert str(file) in validated.message
    assert told in validated.message
    assert "podium data import folder zoo " in validated.remedy
    assert remedy in validated.remedy
    config = load_run_config(file)
    for work in (lambda: train_all(config, settings, tmp_path / "models"), lambda: open_configured(config, tmp_path)):
        with pytest.raises(ConfigError) as caught:
            work()
        assert "'trial'" in caught.value.message
        assert told in caught.value.message
    assert not (tmp_path / "models").exists()


def test_what_the_file_leaves_open_fits_anything(small_dataset: Dataset, tmp_path: Path) -> None:
    for data in ("size: null", "size: 32", "resize: crop", "size: [32, 32], resize: crop"):
        config = load_run_config(file_of(tmp_path, data))
        opened = open_configured(
            config.model_copy(update={"data": config.data.model_copy(update={"path": Path("data")})}), tmp_path
        )
        assert opened.manifest == small_dataset.manifest


def test_a_set_of_the_other_policy_is_told_apart_though_its_pixels_are_alike(small_dataset, tmp_path):
    splits = {name: (np.array(s.images), np.array(s.labels)) for name, s in small_dataset.splits.items()}
    more = {"name": "thirds", "class_names": ("left", "middle", "right"), "source": "made", "licence": "x"}
    write_dataset(tmp_path / "padded", splits, **more, resize="pad")
    assert open_dataset(tmp_path / "padded").manifest.digest != small_dataset.manifest.digest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "abc"), "--size abc: not a size"),
        (("--size", "0"), "--size 0: not a size"),
        (("--size", "1" * 5000), "more than 4,096 pixels a side"),
        (("--test-fraction", "2"), "not shares that leave some for train"),
        (("--name", ""), "--name: is empty"),
        (("--name", "  "), "--name: is empty"),
    ],
)
def test_a_refused_argument_ends_with_status_2(invoke, monkeypatch, capsys, options, words):
    monkeypatch.setattr(sys, "argv", ["podium", "data", "import", "folder", "zoo", *options])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("folder: my zoo; validation: 10% of train, seed 0; test: 10% of train, seed 0", "folder 'my zoo' --size 64"),
        ("table: pets.csv", "table pets.csv --size 64"),
        (
            "CIFAR-100: cifar-100-python.tar.gz; validation: 10% of train, seed 3",
            "cifar cifar-100-python.tar.gz",
        ),
        ("arrays: x.npz", "arrays … --size 64"),
        ("a citation: of something", "SOURCE … --size 64"),
    ],
)
def test_the_remedy_is_the_command_as_far_as_it_is_known(small_dataset, source, command):
    manifest = small_dataset.manifest.model_copy(update={"source": source})
    with pytest.raises(ConfigError) as caught:
        refuse_other_policy(DataConfig(size=(64, 64)), manifest, "x.yaml")
    assert f"`podium data import {command}" in caught.value.remedy
    assert "--resize crop --target data --force`" in caught.value.remedy

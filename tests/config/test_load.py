"""Strict loading: what is refused, and what the error says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from podium.config import RunConfig
from podium.config.load import load_run_config, load_yaml
from podium.errors import ConfigError

GOOD = """
parameters:
  config:
    name: trial
    candidates: [simple_cnn, {recipe: resnet20, name: small, trainer: {learning_rate: 1e-3}}]
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(text)
    return file


def test_a_bare_recipe_is_short_for_a_mapping(tmp_path: Path) -> None:
    config = load_run_config(write(tmp_path, GOOD))
    assert [c.label for c in config.candidates] == ["simple_cnn", "small"]
    assert config.candidates[1].trainer == {"learning_rate": 0.001}
    assert config.seed == 0


def test_configs_are_frozen(tmp_path: Path) -> None:
    config = load_run_config(write(tmp_path, GOOD))
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("    name: trial", "    nane: trial"), ["parameters.config.nane", "did you mean 'name'?"]),
        (("    name: trial", "    name: trial\n    seed: '3'"), ["parameters.config.seed", "'3'"]),
        (("    name: trial", "    name: trial\n    seed: -1"), ["parameters.config.seed", "-1"]),
        (
            ("    name: trial", f"    name: trial\n    seed: {2**63}"),
            ["parameters.config.seed", "less than", str(2**63)],
        ),
        (("name: small", f"seed: {10**22}"), ["candidates.1.seed", "less than or equal to", str(10**22)]),
        (("    name: trial", "    name: trial\n    name: again"), ["'name' stands twice", "line 5"]),
        (("    name: trial", "    name: Trial run"), ["parameters.config.name"]),
        (("name: small", "name: simple_cnn"), ["two candidates are called 'simple_cnn'"]),
        (("recipe: resnet20, name", "recipe: resnet20, nme"), ["candidates.1.nme", "did you mean 'name'?"]),
        (("    name: trial", "    name: trial\n    validation: {max_constant: 1.5}"), ["validation.max_constant"]),
        (("  config:", "  conifg:"), ["parameters.config is missing"]),
        (("  config:", "  other: 3\n  config:"), ["parameters.other"]),
        (("    name: trial", "    name: [trial"), ["line"]),
        (("    name: trial", f"    name: trial\n    seed: {'9' * 5000}"), ["line 5, column 11", "digits"]),
        (("    name: trial", "    name: 2020-13-01"), ["line 4, column 11", "month must be in 1..12"]),
        (("    name: trial", f"    name: {'[' * 3000}{']' * 3000}"), ["lie too deep in each other"]),
    ],
)
def test_refused_with_the_keys_path_and_a_remedy(tmp_path: Path, change: tuple[str, str], parts: list[str]) -> None:
    assert change[0] in GOOD
    file = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_run_config(file)
    message = str(caught.value)
    assert str(file) in message
    assert caught.value.remedy
    for part in parts:
        assert part in message
    assert caught.value.exit_code == 2


def test_several_errors_are_told_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.replace("    name: trial", "    nane: trial\n    sed: 3"))
    with pytest.raises(ConfigError) as caught:
        load_run_config(file)
    assert "3 values are refused" in caught.value.message
    assert "did you mean 'seed'?" in caught.value.message


@pytest.mark.parametrize(
    "candidates", ["[{recipe: simple_cnn, seed: -3}]", "[simple_cnn, {recipe: resnet20, seed: -3}]"]
)
def test_one_wrong_value_is_one_error(candidates: str, tmp_path: Path) -> None:
    """Pydantic also counts the candidates that are left, and finds too few."""
    file = write(tmp_path, f"parameters: {{config: {{name: trial, candidates: {candidates}}}}}")
    with pytest.raises(ConfigError) as caught:
        load_run_config(file)
    assert caught.value.message.endswith("seed: input should be greater than or equal to 0, not -3")
    assert "item" not in caught.value.message


def test_no_candidates_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"candidates: tuple should have at least 1 item"):
        load_run_config(write(tmp_path, "parameters: {config: {name: trial, candidates: []}}"))


@pytest.mark.parametrize("text", ["", "- 1\n", "just text\n"])
def test_not_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not a mapping"):
        load_yaml(write(tmp_path, text))


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_yaml(tmp_path / "absent.yaml")
    file = tmp_path / "binary.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_yaml(file)


def test_yaml_objects_are_not_built(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="python/object"):
        load_yaml(write(tmp_path, "x: !!python/object/apply:os.getcwd []\n"))


def test_exponents_are_numbers(tmp_path: Path) -> None:
    assert load_yaml(write(tmp_path, "a: 1e-3\nb: 2E5\nc: 1.5e-2\nd: e5\n")) == {
        "a": 1e-3,
        "b": 2e5,
        "c": 0.015,
        "d": "e5",
    }


def test_defaults_do_not_leak_between_configs() -> None:
    first = RunConfig(name="a", candidates=("simple_cnn",))  # type: ignore[arg-type]
    second = RunConfig(name="b", candidates=("simple_cnn",))  # type: ignore[arg-type]
    assert first.trainer is not second.trainer

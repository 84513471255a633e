"""``podium predict``: files of any size and mode, good ones beside bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from podium.cli.predict import predict
from podium.errors import DataError, PodiumError, RegistryError
from podium.registry import promotion, tracking
from podium.registry.champion import load_champion_bundle
from podium.training import build_from_bundle, predict_probabilities
from tests.registry.support import CONTRACT, EXAMPLES, House, make_house


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("PODIUM_TRACKING_URI", raising=False)
    app = typer.Typer()
    app.command()(predict)

    def run(house: House, *arguments: object, code: int = 0) -> Any:
        monkeypatch.setenv("PODIUM_STATE", str(house.settings.state))
        monkeypatch.setenv("PODIUM_ROOT", str(house.settings.root))
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if isinstance(result.exception, PodiumError):
            raise result.exception
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    return run


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> House:
    """Version 1 is champion. For tests that add nothing to it."""
    house = make_house(tmp_path_factory.mktemp("promoted"), mlflow_database)
    promotion.approve(house.settings, house.open(0).id, reason="good", client=house.client)
    return house


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(EXAMPLES[:3]):
        Image.fromarray(image).save(folder / f"{index}.png")
    return folder


@pytest.mark.slow
def test_predictions_are_those_of_the_champion(promoted: House, cli: Any, pictures: Path) -> None:
    bundle, _ = load_champion_bundle(promoted.settings, "podium", client=promoted.client)
    expected = predict_probabilities(build_from_bundle(bundle), EXAMPLES[:3], bundle.contract)
    answer = cli(promoted, pictures, "--json")
    assert (answer["model"], answer["version"]) == ("podium", 1)
    assert [Path(p["file"]).name for p in answer["predictions"]] == ["0.png", "1.png", "2.png"]
    for prediction, row in zip(answer["predictions"], expected, strict=True):
        assert prediction["class"] == CONTRACT.class_names[row.argmax()]
        assert prediction["probability"] == pytest.approx(row.max(), abs=1e-5)
        assert [entry["probability"] for entry in prediction["top"]] == pytest.approx(
            sorted(row, reverse=True), abs=1e-5
        )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_any_mode_and_size(promoted: House, cli: Any, tmp_path: Path, mode: str) -> None:
    file = tmp_path / "picture.tiff"
    if mode == "I;16":
        Image.fromarray(np.full((40, 61), 30_000, np.uint16)).save(file)
    else:
        Image.fromarray(np.full((40, 61, 3), 120, np.uint8)).convert(mode).save(file)
    (prediction,) = cli(promoted, file, "--json")["predictions"]
    assert prediction["class"] in CONTRACT.class_names


def test_a_bad_file_does_not_stop_the_good_ones(promoted: House, cli: Any, pictures: Path) -> None:
    (pictures / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    answer = cli(promoted, pictures, pictures / "missing.jpg", "--json", code=1)
    good_0, bad, good_2, missing = answer["predictions"]
    assert "class" in good_0
    assert "class" in good_2
    assert set(bad) == {"file", "error"}
    assert "1.png" in bad["error"]
    assert "missing.jpg" in missing["error"]
    assert "✗" in cli(promoted, pictures, code=1)


def test_patterns_and_number_of_classes(promoted: House, cli: Any, pictures: Path) -> None:
    answer = cli(promoted, pictures / "[01].png", "--json", "--top", "1")
    assert len(answer["predictions"]) == 2
    assert len(answer["predictions"][0]["top"]) == 1
    text = cli(promoted, pictures / "0.png")
    assert "podium version 1" in text
    assert "%" in text


@pytest.mark.slow
def test_another_version_on_request(house: House, cli: Any, pictures: Path) -> None:
    promotion.approve(house.settings, house.open(0).id, reason="good", client=house.client)
    house.open(1)
    assert cli(house, pictures, "--json", "--version", "challenger")["version"] == 2
    assert cli(house, pictures, "--json", "--version", "2")["version"] == 2
    assert cli(house, pictures, "--json")["version"] == 1


def test_the_second_time_needs_no_registry(
    promoted: House, cli: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cli(promoted, pictures, "--json")

    def unwanted(*_args: object) -> None:
        raise AssertionError("MLflow was opened (seconds) although log and cache suffice")

    monkeypatch.setattr(tracking, "client", unwanted)
    assert cli(promoted, pictures, "--json") == first


@pytest.mark.slow
def test_an_alias_without_decision_promotes_nothing(house: House, cli: Any, pictures: Path) -> None:
    house.open(0)
    house.client.set_registered_model_alias("podium", "champion", "1")
    with pytest.raises(RegistryError, match="nothing has been promoted yet"):
        cli(house, pictures)


def test_nothing_to_classify_is_one_error(promoted: House, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: no images there"):
        cli(promoted, tmp_path / "none")
    with pytest.raises(DataError, match="no images there"):
        cli(promoted, tmp_path / "*.nothing")


@pytest.mark.slow
def test_without_champion_it_says_how_to_get_one(house: House, cli: Any, pictures: Path) -> None:
    house.open(0)
    with pytest.raises(RegistryError, match="nothing has been promoted yet") as error:
        cli(house, pictures)
    assert "podium review approve podium-1" in error.value.remedy

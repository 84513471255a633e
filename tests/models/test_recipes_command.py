"""``podium recipes list`` and ``show``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podium.cli.recipes import app, contract_of
from podium.config import ModelConfig
from podium.errors import ConfigError
from podium.models import FAMILIES
from podium.models.layer_table import layer_table
from podium.models.recipes import list_recipes

from .counts import COUNTS
from .helpers import RECIPES, by_time

IDS = [recipe.id for recipe in list_recipes(RECIPES)]
NARROW = {"COLUMNS": "80"}


def call(*words: str, **environment: str) -> str:
    result = CliRunner().invoke(app, list(words), env={**NARROW, **environment})
    assert result.exit_code == 0, result.output
    return result.output


class TestList:
    @pytest.mark.slow
    def test_json_has_the_documented_fields(self, tmp_path: Path) -> None:
        """Of a checkout with few recipes; all are in the table below."""
        some = ["convnextv2_atto", "efficientnet_b0_240", "simple_cnn", "transfer_resnet20"]
        (tmp_path / "configs" / "recipes").mkdir(parents=True)
        for name in some:
            shutil.copy(RECIPES / f"{name}.yaml", tmp_path / "configs" / "recipes")
        rows = {row["id"]: row for row in json.loads(call("list", "--json", PODIUM_ROOT=str(tmp_path)))}
        assert list(rows) == some
        assert rows["simple_cnn"] == {
            "id": "simple_cnn",
            "source": "E1",
            "family": "simple_cnn",
            "input_size": [32, 32],
            "parameters": 315_722,
            "trainable_parameters": 315_722,
            "published_accuracy": 0.68,
        }
        assert rows["transfer_resnet20"]["published_accuracy"] is None
        assert rows["efficientnet_b0_240"]["input_size"] == [240, 240]

    def test_a_network_for_larger_images_is_listed_without_counts(self, tmp_path: Path) -> None:
        recipes = tmp_path / "configs" / "recipes"
        recipes.mkdir(parents=True)
        shutil.copy(RECIPES / "simple_cnn.yaml", recipes)
        text = (RECIPES / "cnn_3block.yaml").read_text()
        deep = text.replace("id: cnn_3block", "id: deep").replace("[32, 64, 128]", "[16, 16, 16, 16, 16, 16]")
        (recipes / "deep.yaml").write_text(deep)
        result = CliRunner().invoke(app, ["list", "--json"], env={"PODIUM_ROOT": str(tmp_path)})
        assert result.exit_code == 0, result.output
        one, other = json.loads(result.stdout)
        assert (one["id"], one["parameters"], one["trainable_parameters"]) == ("deep", None, None)
        assert (other["id"], other["parameters"]) == ("simple_cnn", 315_722)
        assert "deep.yaml: cnn_blocks: 6 blocks leave nothing of 32×32 images" in result.stderr
        assert "deep" in call("list", PODIUM_ROOT=str(tmp_path))
        assert json.loads(call("show", "deep", "--size", "96", "--json", PODIUM_ROOT=str(tmp_path)))["parameters"]
        shown = CliRunner().invoke(app, ["show", "deep"], env={"PODIUM_ROOT": str(tmp_path)})
        assert isinstance(shown.exception, ConfigError)
        assert "deep.yaml: cnn_blocks" in shown.exception.message

    @pytest.mark.parametrize(("columns", "gap"), [("80", 1), ("100", 2)])
    def test_the_table_tells_what_the_network_computes_with(self, columns: str, gap: int, tmp_path: Path) -> None:
        (tmp_path / "configs" / "recipes").mkdir(parents=True)
        for name in ("efficientnet_b0_240", "simple_cnn"):
            shutil.copy(RECIPES / f"{name}.yaml", tmp_path / "configs" / "recipes")
        lines = call("list", PODIUM_ROOT=str(tmp_path), COLUMNS=columns).splitlines()
        header = next(line for line in lines if line.split()[:1] == ["id"])
        inputs = {line.split()[0]: line.split()[3] for line in lines if "_" in line.split(" ")[1]}
        assert header.split()[3] == "input"
        assert f"parameters{' ' * gap}trainable" in header
        assert inputs == {"efficientnet_b0_240": "240", "simple_cnn": "32"}

    @pytest.mark.parametrize("recipe", ["efficientnet_b0_240", "resnet20"])
    def test_the_size_of_the_networks_input_is_the_same_in_both(self, recipe: str, tmp_path: Path) -> None:
        (tmp_path / "configs" / "recipes").mkdir(parents=True)
        shutil.copy(RECIPES / f"{recipe}.yaml", tmp_path / "configs" / "recipes")
        (row,) = json.loads(call("list", "--json", PODIUM_ROOT=str(tmp_path)))
        shown = json.loads(call("show", recipe, "--json"))
        assert {field: shown[field] for field in row} == row

    @pytest.mark.slow
    def test_the_table_names_every_recipe_on_one_line_of_80_columns(self) -> None:
        lines = call("list").splitlines()
        assert max(map(len, lines)) <= 80
        assert [word for line in lines for word in line.split()[:1] if word in COUNTS] == IDS
        for recipe in list_recipes(RECIPES):
            (line,) = (line for line in lines if line.split()[:1] == [recipe.id])
            total, trainable = COUNTS[recipe.id]
            side = recipe.model.options.get("input_size", 32)
            told = [recipe.source, recipe.model.family, f"{side}", f"{total:,}", f"{trainable:,}"]
            assert line.split()[1:6] == told


class TestShow:
    @pytest.mark.parametrize("recipe", by_time(list_recipes(RECIPES)))
    def test_json_adds_up_for_every_recipe(self, recipe: str) -> None:
        shown = json.loads(call("show", recipe, "--json"))
        assert (shown["parameters"], shown["trainable_parameters"]) == COUNTS[recipe]
        for sum_of in ("parameters", "trainable_parameters", "flops"):
            assert sum(layer[sum_of] for layer in shown["layers"]) == shown[sum_of] > 0
        assert shown["layers"][-1]["output_shape"] == [10]
        assert shown["header"]["source"]
        assert shown["trainer"]["epochs"] > 0

    def test_shapes_and_operations_are_those_of_the_layers(self) -> None:
        layers = {layer["name"]: layer for layer in json.loads(call("show", "simple_cnn", "--json"))["layers"]}
        first, dense = layers["0"], layers["7"]
        assert (first["type"], first["output_shape"], first["parameters"]) == ("Conv2d", [32, 30, 30], 896)
        assert first["flops"] == 2 * 30 * 30 * 32 * 27
        assert (dense["type"], dense["parameters"], dense["flops"]) == ("Linear", 2304 * 128 + 128, 2 * 2304 * 128)

    @pytest.mark.slow
    def test_operations_grow_with_the_image_and_parameters_do_not(self) -> None:
        small, large = (json.loads(call("show", "resnet20", "--size", side, "--json")) for side in ("32", "64"))
        assert small["parameters"] == large["parameters"]
        assert large["flops"] == pytest.approx(4 * small["flops"], rel=1e-3)
        more = json.loads(call("show", "resnet20", "--classes", "100", "--json"))
        assert more["parameters"] == small["parameters"] + 90 * 65

    @pytest.mark.slow
    @pytest.mark.parametrize("recipe", ["resnet20", "speedrun_96", "cnn_4block_l2"])
    def test_the_page_fits_80_columns_and_cuts_nothing(self, recipe: str) -> None:
        output = call("show", recipe)
        assert max(map(len, output.splitlines())) <= 80
        assert "…" not in output
        shown = json.loads(call("show", recipe, "--json"))
        for layer in shown["layers"]:
            (line,) = (line for line in output.splitlines() if line.split()[:1] == [layer["name"]])
            assert line.split()[1:3] == [layer["type"], "×".join(map(str, layer["output_shape"]))]
        assert f"{shown['parameters']:,}, of which {shown['trainable_parameters']:,}" in output

    @pytest.mark.slow
    def test_the_trainers_settings_beside_the_defaults_are_shown(self) -> None:
        lines = {line.strip() for line in call("show", "deep_cnn_650k").splitlines()}
        settings = {" ".join(line.split()) for line in lines}
        assert {"batch_size 32", "optimizer adam", "plateau.floor 3e-05", "early_stopping.patience 10"} <= settings
        assert not any(line.startswith(("label_smoothing", "fine_tune", "schedule")) for line in settings)

    def test_views_are_named_with_what_they_cost(self) -> None:
        assert "6 times that in evaluation" in " ".join(call("show", "speedrun").split())

    def test_an_unknown_recipe_is_one_error_with_the_nearest_name(self) -> None:
        result = CliRunner().invoke(app, ["show", "resnet2"])
        assert isinstance(result.exception, ConfigError)
        assert result.exception.exit_code == 2
        assert "'resnet2'" in str(result.exception)
        assert "did you mean 'resnet20'" in str(result.exception)

    def test_images_too_small_for_the_network_are_refused(self) -> None:
        result = CliRunner().invoke(app, ["show", "simple_cnn", "--size", "4"])
        assert isinstance(result.exception, ConfigError)
        assert "4×4" in str(result.exception)

    @pytest.mark.parametrize(
        ("size", "told"),
        [("100000", "more than 4,096"), ("32x4097", "more than 4,096"), ("0", "not a"), ("a", "not a")],
    )
    def test_sizes_that_no_run_takes_are_refused(self, size: str, told: str) -> None:
        result = CliRunner().invoke(app, ["show", "simple_cnn", "--size", size])
        assert isinstance(result.exception, ConfigError)
        assert f"--size {size}: {told}" in result.exception.message

    def test_a_size_may_be_height_and_width(self) -> None:
        shown = json.loads(call("show", "simple_cnn", "--size", "32x48", "--json"))
        assert shown["input_size"] == [32, 48]
        assert shown["layers"][0]["output_shape"] == [32, 30, 46]
        assert "32×48 RGB" in call("show", "simple_cnn", "--size", "32x48")

    def test_what_a_recipe_file_says_is_no_markup(self, tmp_path: Path) -> None:
        folder = tmp_path / "configs" / "recipes"
        folder.mkdir(parents=True)
        (folder / "x.yaml").write_text(
            "# source:  [bold]me[/] [link=x]\n# result:  [/]\nid: x\nsource: '[red]s'\nmodel: {family: simple_cnn}\n"
        )
        assert "[bold]me[/] [link=x]" in call("show", "x", PODIUM_ROOT=str(tmp_path))
        assert "[red]s" in call("list", PODIUM_ROOT=str(tmp_path))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_can_be_tabulated(family: str) -> None:
    options = {"transfer": {"weights": "none"}, "timm": {"weights": "resnet18.a1_in1k"}}.get(family, {})
    table = layer_table(ModelConfig(family=family, options=options, views=6), contract_of((40, 40), 5))
    assert table.layers[-1].output_shape == (5,)
    assert sum(layer.flops for layer in table.layers) == table.flops

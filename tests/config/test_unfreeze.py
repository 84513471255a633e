"""What ``fine_tune.unfreeze`` may be."""

from __future__ import annotations

import json

import pytest

from podium.config import FineTuneConfig, TopLayers
from podium.config.load import parse
from podium.errors import ConfigError

UNFREEZE = [
    (0.2, (0.2,)),
    (1, (1.0,)),
    ({"layers": 20}, (TopLayers(layers=20),)),
    ("blocks.5.2", ("blocks.5.2",)),
    ([{"layers": 2}, "7", 1.0], (TopLayers(layers=2), "7", 1.0)),
]


@pytest.mark.parametrize(("given", "stages"), UNFREEZE, ids=str)
def test_what_is_unfrozen_has_several_forms(given: object, stages: tuple[object, ...]) -> None:
    parsed = parse(FineTuneConfig, {"unfreeze": given}, "x.yaml")
    assert parsed.stages == stages
    assert FineTuneConfig.model_validate_json(parsed.model_dump_json()) == parsed


@pytest.mark.parametrize(
    "given", [20, 0, -0.5, "0.2", "", "a b", [], [0.5], {"layer": 3}, {"layers": 0}, None, True, [[0.1, 1.0], 1.0]]
)
def test_other_forms_are_refused_in_one_sentence(given: object) -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml: unfreeze: must be a fraction.*or a list of two or more") as caught:
        parse(FineTuneConfig, {"unfreeze": given}, "x.yaml")
    assert caught.value.message.endswith(json.dumps(given))

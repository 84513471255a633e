"""From p-values and effects to one decision."""

from __future__ import annotations

from typing import Any

import pytest

from podium.config.load import parse
from podium.drift import DriftConfig
from podium.drift.decision import decide, kinds, sentence
from podium.drift.results import TestResult
from podium.errors import ConfigError


def result(name: str, p: float, effect: float = 0.5, **changes: Any) -> TestResult:
    given = {
        "group": "pixels", "name": name, "method": "m", "statistic": 1.0, "p_value": p, "effect": effect,
        "effect_name": "e", "effect_minimum": 0.1, "detail": f"{name} moved", "reference_count": 9, "current_count": 9,
    }  # fmt: skip
    return TestResult.model_validate(given | changes)


def test_drift_needs_significance_and_effect() -> None:
    decided = decide([result("a", 1e-6), result("b", 1e-6, effect=0.09), result("c", 0.03), result("d", 0.5)], 0.05)
    assert [one.verdict for one in decided] == ["drift", "small", "none", "none"]
    assert decided[2].p_adjusted == pytest.approx(0.06)
    exactly = decide([result("a", 0.05, effect=0.1)], 0.05)
    assert exactly[0].verdict == "drift"


def test_the_sentence_names_kinds_and_strongest_findings() -> None:
    several = [result(name, 1e-9, effect=0.2 + i / 10) for i, name in enumerate("abcde")]
    labels = [
        result("labels", 1e-9, group="labels", detail="cat 9 → 0 %"),
        result("classes", 1e-9, group="labels", detail="class cat missing", effect_minimum=0),
    ]
    decided = decide([*labels, *several, result("embedding", 0.9, group="embedding")], 0.05)
    assert kinds(decided) == ("labels", "pixels")
    told = sentence(decided, 0.05)
    assert told == "Drift in the labels (class cat missing) and pixels (e moved, d moved, c moved and 2 more)."


def test_no_drift_tells_what_is_significant_but_small() -> None:
    assert sentence(decide([result("a", 0.5)], 0.05), 0.05).startswith("No drift: none of 1 test found")
    told = sentence(decide([result("a", 1e-9, effect=0.01), result("b", 1e-9, effect=0.01)], 0.05), 0.05)
    assert told.endswith("; a and b differ significantly, but little.")


def test_a_small_level_gets_more_permutations() -> None:
    config = DriftConfig()
    assert config.permutations_for(11) == 999
    assert config.model_copy(update={"alpha": 0.001}).permutations_for(11) == 21_999


@pytest.mark.parametrize(
    "value", [{"alpha": 0}, {"sample": 3}, {"minimum": {"pixel": 0.1}}, {"minimum": {"embedding": 0.2}}, {"seed": -1}]
)
def test_settings_are_checked(value: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        parse(DriftConfig, value, "drift.yaml")

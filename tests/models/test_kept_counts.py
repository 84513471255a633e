"""Counts are made once for a network and images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from podium.config import ModelConfig
from podium.models import kept_counts
from podium.models.kept_counts import Counts, count_all

from .helpers import contract

SMALL = ModelConfig(family="simple_cnn")
LARGE = ModelConfig(family="simple_cnn", options={"filters": [16] * 6})
KNOWN = Counts(total=315_722, trainable=315_722)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ModelConfig]:
    """The models whose networks were made."""
    models: list[ModelConfig] = []
    count = kept_counts._count

    def noted(model: ModelConfig, *rest: object) -> Counts:
        models.append(model)
        return count(model, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_counts, "_count", noted)
    return models


def test_a_network_is_made_once(tmp_path: Path, made: list[ModelConfig]) -> None:
    file = tmp_path / "state" / "counts.json"
    first = list(count_all([SMALL, LARGE], contract(10), file))
    assert first[0] == KNOWN
    assert first[1].total is None
    assert "leave nothing of 32×32 images" in str(first[1].refused)
    assert list(count_all([LARGE, SMALL], contract(10), file)) == first[::-1]
    assert made == [SMALL, LARGE]


def test_what_a_count_follows_from_is_counted_anew(
    tmp_path: Path, made: list[ModelConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "counts.json"
    list(count_all([SMALL], contract(10), file))
    (other,) = count_all([SMALL.model_copy(update={"options": {"dense": 64}})], contract(10), file)
    (fewer,) = count_all([SMALL], contract(3), file)
    assert len({KNOWN, other, fewer}) == 3
    monkeypatch.setattr(kept_counts, "version", lambda name: "0.1")
    assert list(count_all([SMALL], contract(3), file)) == [fewer]
    assert len(made) == 4
    assert len(json.loads(file.read_text())["counts"]) == 1, "what nobody asks for any more is not kept"


def test_a_file_that_cannot_be_used_costs_time_alone(tmp_path: Path, made: list[ModelConfig]) -> None:
    file = tmp_path / "counts.json"
    for content in ("", "[]", '{"counts": {"x": {"total": "many"}}}'):
        file.write_text(content)
        assert list(count_all([SMALL], contract(10), file)) == [KNOWN]
    assert list(count_all([SMALL], contract(10), file)) == [KNOWN]
    assert len(made) == 3
    (tmp_path / "a file").touch()
    assert list(count_all([SMALL], contract(10), tmp_path / "a file" / "counts.json")) == [KNOWN]


def test_known_counts_need_no_torch(tmp_path: Path) -> None:
    list(count_all([SMALL], contract(10), tmp_path / "counts.json"))
    program = f"""
import sys
from pathlib import Path
from podium.config import ModelConfig
from podium.contract import InputContract
from podium.models.kept_counts import count_all
contract = InputContract.model_validate_json({contract(10).model_dump_json()!r})
(counts,) = count_all([ModelConfig(family="simple_cnn")], contract, Path({str(tmp_path / "counts.json")!r}))
print(counts.total, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["315722", "False"]

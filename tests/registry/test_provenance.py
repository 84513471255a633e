"""Which code a run used."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.registry.provenance import CodeState, code_state
from tests.conftest import ROOT


def test_an_image_of_containers_says_of_which_commit_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_state(tmp_path) == CodeState(commit=None, dirty=False)
    monkeypatch.setenv("PODIUM_COMMIT", "f" * 40)
    assert code_state(tmp_path) == CodeState(commit="f" * 40, dirty=False)
    assert code_state(ROOT).commit != "f" * 40, "a checkout knows better"

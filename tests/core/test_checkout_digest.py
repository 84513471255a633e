"""The digest of all code that runs from a checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from podium.code import checkout_digest
from tests.conftest import ROOT


def test_it_is_of_the_code_and_not_of_the_place(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for name in ("steps", "pipelines"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.lock", copy)
    assert checkout_digest(copy) == checkout_digest(ROOT)
    for name in ("requirements.lock", "steps/train.py", "pipelines/training.py"):
        before = checkout_digest(copy)
        with (copy / name).open("a") as file:
            file.write("# another\n")
        assert checkout_digest(copy) != before

"""The code digest follows imports: what a step calls counts, the rest does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from podium import code


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "podium"
    shutil.copytree(code._SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "_SOURCE", copy)
    return copy


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_unrelated_code_leaves_training_cached(sources: Path) -> None:
    before = code.code_digest("podium.training")
    append(sources / "report" / "__init__.py", "\n# other\n")
    assert code.code_digest("podium.training") == before


@pytest.mark.parametrize(
    "file", ["training/engine.py", "models/resnet.py", "bundle.py", "data/store.py", "__init__.py"]
)
def test_what_training_calls_counts(sources: Path, file: str) -> None:
    before = code.code_digest("podium.training")
    append(sources / file, "\n# other\n")
    assert code.code_digest("podium.training") != before


def test_imports_inside_functions_count(sources: Path) -> None:
    before = code.code_digest("podium.evaluation.evaluate")
    append(sources / "training" / "predict.py", "\n# other\n")
    assert code.code_digest("podium.evaluation.evaluate") != before


def test_imports_in_any_statement_count() -> None:
    places = (
        "match 1:\n  case 1:\n    import podium.a",
        "try:\n  import podium.b\nexcept* E:\n  import podium.c\nelse:\n  import podium.d\nfinally:\n  import podium.e",
        "async def f():\n  async with x:\n    from podium import f",
        "class C:\n  for x in y:\n    while z:\n      if w: pass\n      elif v: import podium.g",
    )
    assert sorted(code._imports("\n".join(places))) == [
        "podium", "podium.a", "podium.b", "podium.c", "podium.d", "podium.e", "podium.f", "podium.g",
    ]  # fmt: skip


def test_a_module_that_does_not_exist_is_no_silent_hit() -> None:
    with pytest.raises(ValueError, match="trainning"):
        code.code_digest("podium.trainning")

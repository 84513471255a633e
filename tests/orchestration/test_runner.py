"""However a run ends, a person reads one message: no traceback, an exit status, and where the details are."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from podium import atomic
from podium.errors import ValidationFailed
from podium.orchestration import runner
from podium.orchestration.pipeline import DynamicPipeline, RunError
from tests.conftest import ROOT

SOURCE = "pipelines.training.training_pipeline"
FILE = str(ROOT / "configs" / "quickstart.yaml")


pytestmark = pytest.mark.usefixtures("source_root")


@pytest.fixture(autouse=True)
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A state folder of its own; the folders for which ZenML's database was to be made."""
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path))
    made: list[Path] = []
    monkeypatch.setattr(runner, "prepare", lambda settings: made.append(settings.state))
    return made


def ending(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pipeline end so."""

    def call(self: DynamicPipeline, *args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(DynamicPipeline, "__call__", call)


@pytest.mark.slow
def test_an_unexpected_error_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(LookupError("no such [/b] thing\nand more"), monkeypatch)
    assert runner.run(SOURCE, FILE) == 1
    (file,) = (tmp_path / "logs").iterdir()
    said = capsys.readouterr().err
    assert said == f"Error: LookupError: no such [/b] thing\n  → the traceback is in {file}\n"
    log = file.read_text()
    assert "Traceback (most recent call last)" in log
    assert "and more" in log


@pytest.mark.slow
def test_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/state/model.bin")
    ending(full, monkeypatch)
    assert runner.run(SOURCE, FILE) == 1
    assert capsys.readouterr().err == "Error: /state/model.bin: No space left on device\n"

    def refuse(path: Path, content: str) -> None:
        raise full

    ending(LookupError("x"), monkeypatch)
    monkeypatch.setattr(atomic, "write_text", refuse)
    assert runner.run(SOURCE, FILE) == 1
    said = capsys.readouterr().err
    assert "LookupError: x" in said
    assert "No space left on device" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_database_is_made_for_a_file_that_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: list[Path]
) -> None:
    begun: list[list[Path]] = []
    monkeypatch.setattr(DynamicPipeline, "__call__", lambda *_args, **_more: begun.append(list(prepared)))
    assert runner.run(SOURCE, str(tmp_path / "none.yaml")) == 2
    assert runner.run("nope", FILE) == 2
    assert (prepared, begun) == ([], [])
    assert runner.run(SOURCE, FILE) == 0
    assert begun == [[tmp_path]], "before the run, and once"


def test_a_database_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(settings: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/state/zenml.db")

    monkeypatch.setattr(runner, "prepare", refuse)
    assert runner.run(SOURCE, FILE) == 1
    assert capsys.readouterr().err == "Error: /state/zenml.db: No space left on device\n"


@pytest.mark.slow
def test_a_stop_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ending(KeyboardInterrupt(), monkeypatch)
    assert runner.run(SOURCE, FILE) == 130
    assert capsys.readouterr().err == "stopped; run the same command again to go on\n"


@pytest.mark.slow
def test_an_expected_error_keeps_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(ValidationFailed("bad images", remedy="look at them"), monkeypatch)
    assert runner.run(SOURCE, FILE) == 3
    assert capsys.readouterr().err == "Error: bad images\n  → look at them\n"
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("source", ["pipelines.nope.x", "nope", "pipelines.training.nope", "steps.load.load"])
def test_no_such_pipeline(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run(source, FILE) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {source}")
    assert SOURCE in said


def test_a_step_of_another_pipeline_is_refused_by_the_pipeline_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("steps: {export: {enable_cache: false}}\n" + Path(FILE).read_text())
    assert runner.run(SOURCE, str(file)) == 2
    assert "steps.export: the pipeline has no such step" in capsys.readouterr().err


def test_zenml_without_a_file_is_told_to_add_one() -> None:
    from pipelines.training import training_pipeline  # here: it needs the source root

    with pytest.raises(RunError) as caught:
        training_pipeline.with_options()()
    assert caught.value.exit_code == 2
    assert "add -c configs/quickstart.yaml" in caught.value.message


def test_zenml_on_a_full_disk_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.training import training_pipeline

    ending(OSError(errno.ENOSPC, "No space left on device", "/state/model.bin"), monkeypatch)
    with pytest.raises(RunError) as caught:
        training_pipeline.with_options(config_path=FILE)()
    assert caught.value.exit_code == 1
    assert caught.value.message == "/state/model.bin: No space left on device"

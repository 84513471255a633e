from __future__ import annotations

import io
import json
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from podium.cli import leaderboard as commands
from podium.errors import PodiumError
from podium.report import RunReport
from podium.report.files import read_leaderboard, run_folder
from podium.report.table import render_leaderboard
from podium.report.text import THIN
from podium.results import Leaderboard, Spread


@pytest.fixture
def state(tmp_path: Path, run_report: RunReport, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with one finished run, ``run-7``; no registry yet."""
    state = tmp_path / "state"
    folder = state / "runs" / "run-7"
    folder.mkdir(parents=True)
    (folder / "leaderboard.json").write_text(run_report.leaderboard.model_dump_json())
    (folder / "report.html").write_text("<!doctype html>")
    (state / "runs" / "latest").write_text("run-7\n")
    monkeypatch.setenv("PODIUM_STATE", str(state))
    monkeypatch.delenv("PODIUM_TRACKING_URI", raising=False)
    return state


def invoke(*arguments: str) -> Any:
    app = typer.Typer()
    app.command("leaderboard")(commands.leaderboard)
    app.command("report")(commands.report)
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def drawn(board: Leaderboard, width: int) -> str:
    buffer = io.StringIO()
    render_leaderboard(board, Console(file=buffer, width=width))
    return buffer.getvalue()


@pytest.mark.usefixtures("state")
def test_json_is_the_recorded_leaderboard_with_todays_champion(
    run_report: RunReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = invoke("leaderboard", "--json")
    assert Leaderboard.model_validate_json(result.stdout) == run_report.leaderboard
    assert json.loads(result.stdout)["champion"] is None
    assert json.loads(result.stdout)["candidates"][-1]["remedy"] == "lower the learning rate (now 0.5)"
    asked = []

    def champion(settings: Any, model: str) -> int:
        asked.append(model)
        return 3

    monkeypatch.setattr("podium.registry.champion.champion_version", champion)
    document = json.loads(invoke("leaderboard", "run-7", "--json").stdout)
    assert (document["champion"], document["selected"], asked) == (3, "resnet20", ["digits"])


@pytest.mark.usefixtures("state")
def test_the_table_shows_every_candidate_and_the_cause_of_a_failure() -> None:
    text = invoke("leaderboard").stdout
    for expected in ("run-7", "resnet20", "simple_cnn", "broken failed: loss is NaN", "Champion of digits: none yet"):
        assert expected in text
    assert "broken failed: loss is NaN\n  → lower the learning rate (now 0.5)\n" in text


@pytest.mark.usefixtures("state")
def test_an_unreachable_registry_is_an_error_and_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    def champion(settings: Any, model: str) -> int:
        raise PodiumError("no MLflow tracking store can be opened")

    monkeypatch.setattr("podium.registry.champion.champion_version", champion)
    with pytest.raises(PodiumError, match="no MLflow"):
        invoke("leaderboard", "--json")


def test_the_table_fits_narrow_terminals_and_keeps_the_interval(run_report: RunReport) -> None:
    for width in (80, 140):
        lines = drawn(run_report.leaderboard, width).splitlines()
        assert max(map(len, lines[:6])) <= width
        row = run_report.leaderboard.candidates[0]
        assert row.test_accuracy_low is not None
        assert any(f"[{100 * row.test_accuracy_low:.1f}, " in line for line in lines)
    assert "ms/image" in drawn(run_report.leaderboard, 140)


def test_names_and_causes_are_no_markup(run_report: RunReport) -> None:
    rows = tuple(
        row.model_copy(
            update={"recipe": f"[red]{row.recipe}[/]", "cause": row.cause and "[/] [bold]x", "remedy": "[/b]y"}
        )
        for row in run_report.leaderboard.candidates
    )
    text = drawn(run_report.leaderboard.model_copy(update={"candidates": rows}), 200)
    assert "[red]resnet20[/]" in text
    assert "[/] [bold]x\n  → [/b]y" in text


def test_a_leaderboard_of_before_remedies_and_seeds_were_kept_is_read(run_report: RunReport) -> None:
    document = json.loads(run_report.leaderboard.model_dump_json())
    del document["seeds"]
    for row in document["candidates"]:
        del row["remedy"]
    text = drawn(Leaderboard.model_validate_json(json.dumps(document)), 100)
    assert "broken failed: loss is NaN\nSelected" in text


def test_the_seeds_of_a_candidate_stand_side_by_side(run_report: RunReport) -> None:
    (group,) = run_report.leaderboard.seeds
    assert group.validation_accuracy
    assert group.test_accuracy
    (line,) = (line for line in drawn(run_report.leaderboard, 100).splitlines() if line.startswith("both, "))
    mean, sd = 100 * group.validation_accuracy.mean, 100 * group.validation_accuracy.sd
    assert line.startswith(f"both, 2 of 3 seeds: validation {mean:.2f} ± {sd:.2f}")
    assert f", test {100 * group.test_accuracy.mean:.2f} ± " in line
    lone = Spread(mean=0.5, sd=None, count=1)
    alone = group.model_copy(update={"branches": ("a",), "validation_accuracy": lone, "test_accuracy": None})
    board = run_report.leaderboard.model_copy(update={"seeds": (alone,)})
    assert f"both, 1 seed: validation 50.00{THIN}%\n" in drawn(board, 100)
    none = group.model_copy(update={"validation_accuracy": None, "test_accuracy": None})
    board = run_report.leaderboard.model_copy(update={"seeds": (none,)})
    assert "both, none of 3 seeds completed\n" in drawn(board, 100)


def test_a_run_in_which_everything_failed_is_said_to_have_no_winner(run_report: RunReport) -> None:
    board = run_report.leaderboard
    failed = tuple(row for row in board.candidates if row.status == "failed")
    text = drawn(board.model_copy(update={"selected": None, "candidates": failed}), 100)
    assert "No candidate was selected." in text


def test_report_prints_its_path_and_opens_it_where_there_is_a_browser(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: opened.append(uri) or True)
    monkeypatch.setattr(commands, "has_browser", lambda: True)
    file = state / "runs" / "run-7" / "report.html"
    assert invoke("report", "--no-open").stdout == f"{file}\n"
    assert opened == []
    assert invoke("report").stdout == f"{file}\n"
    assert opened == [file.as_uri()]
    monkeypatch.setattr(commands, "has_browser", lambda: False)
    invoke("report")
    assert len(opened) == 1


def test_a_wrong_name_is_answered_with_the_nearest(state: Path) -> None:
    with pytest.raises(PodiumError) as caught:
        invoke("leaderboard", "run-8")
    assert caught.value.remedy == "did you mean 'run-7'?"
    for name in ("../runs/run-7", "..", "latest", ""):
        with pytest.raises(PodiumError, match="there is no run") as refused:
            run_folder(state / "runs", name)
        assert refused.value.exit_code == 2


def test_missing_and_damaged_files_are_one_clear_error(state: Path, tmp_path: Path) -> None:
    with pytest.raises(PodiumError, match="no finished run is recorded"):
        run_folder(tmp_path / "nothing")
    folder = state / "runs" / "run-7"
    (folder / "leaderboard.json").write_text('{"run": 3}')
    with pytest.raises(PodiumError, match=r"leaderboard\.json: "):
        read_leaderboard(folder)
    (folder / "leaderboard.json").unlink()
    (folder / "report.html").unlink()
    with pytest.raises(PodiumError, match="no leaderboard"):
        invoke("leaderboard")
    with pytest.raises(PodiumError, match="no report"):
        invoke("report", "--no-open")
    (state / "runs" / "latest").write_text("gone\n")
    with pytest.raises(PodiumError, match="names the run 'gone'"):
        invoke("leaderboard")


@pytest.mark.slow
def test_the_commands_start_without_heavy_imports() -> None:
    code = (
        "import sys, podium.cli.leaderboard; print([m for m in ('torch','mlflow','matplotlib','pandas') "
        "if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

"""The environment of ``podium run``: nothing in it depends on the working directory or the caller's ZenML."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from podium.cli.environment import env
from podium.orchestration.environment import isolated_environment, without_zenml
from podium.settings import Settings


def test_relative_variables_are_handed_on_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "checkout" / "sub")
    given = {
        "PODIUM_ROOT": "..",
        "PODIUM_STATE": "state",
        "PODIUM_WEIGHTS": "../weights",
        "PODIUM_TRACKING_URI": "sqlite:///runs.db",
    }
    made = isolated_environment(Settings.from_environment(given))
    checkout = tmp_path / "checkout"
    assert made["PODIUM_ROOT"] == str(checkout)
    assert made["PODIUM_STATE"] == str(checkout / "sub" / "state")
    assert made["PODIUM_WEIGHTS"] == str(checkout / "weights")
    assert made["PODIUM_TRACKING_URI"] == f"sqlite:///{checkout / 'sub' / 'runs.db'}"
    assert made["ZENML_CONFIG_PATH"] == made["ZENML_REPOSITORY_PATH"] == str(checkout / "sub" / "state" / "zenml")

    monkeypatch.chdir(tmp_path)
    again = isolated_environment(Settings.from_environment(made))
    assert again == made


@pytest.mark.parametrize("uri", ["https://mlflow.example.org", "sqlite:////abs/runs.db", "file:///abs", "sqlite://"])
def test_other_addresses_stay(tmp_path: Path, uri: str) -> None:
    settings = Settings(root=tmp_path, state=tmp_path / "s", tracking_uri=uri)
    assert isolated_environment(settings)["PODIUM_TRACKING_URI"] == uri
    assert "PODIUM_WEIGHTS" not in isolated_environment(settings)


def test_what_chooses_another_zenml_is_left_out() -> None:
    chosen = {
        "ZENML_CONFIG_PATH": "/x",
        "ZENML_LOCAL_STORES_PATH": "/x",
        "ZENML_STORE_URL": "https://x",
        "ZENML_ACTIVE_STACK_ID": "x",
        "ZENML_REPOSITORY_PATH": "/x",
    }
    assert without_zenml({**chosen, "ZENML_DEBUG": "1", "HOME": "/h"}) == {"ZENML_DEBUG": "1", "HOME": "/h"}


def test_the_command_prints_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_STATE", str(tmp_path))
    monkeypatch.setenv("PODIUM_TRACKING_URI", "postgresql://keeper:hunter2@db/podium")
    monkeypatch.setenv("PODIUM_REVIEWS_URI", "postgresql://keeper@db/podium")
    app = typer.Typer()
    app.command()(env)
    done = CliRunner().invoke(app)
    assert done.exit_code == 0
    assert "hunter2" not in done.output
    assert f"export PODIUM_STATE={tmp_path}" in done.stdout
    assert "export PODIUM_REVIEWS_URI=postgresql://keeper@db/podium" in done.stdout
    assert "PODIUM_TRACKING_URI" not in done.stdout
    assert "PODIUM_TRACKING_URI holds a password: it is not printed" in done.stderr
